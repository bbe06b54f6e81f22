package main

import (
	"encoding/json"
	"log"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	lateBy   = 20 * time.Millisecond
	underWay = 65_536 // frames: more than there are ever, so that who sends never waits, and goes on reading
)

// wire is one WebSocket of a session, with the way's latency, and what it loses and delivers late.
type wire struct {
	*service
	connection *websocket.Conn
	way        chan travelling
	gone       chan struct{}
	mu         sync.Mutex
}

type travelling struct {
	frame []byte
	due   time.Time
}

func newWire(connection *websocket.Conn, s *service) *wire {
	w := &wire{service: s, connection: connection, way: make(chan travelling, underWay), gone: make(chan struct{})}
	go w.deliver()
	return w
}

// send puts a binary frame on its way, or loses it.
func (w *wire) send(frame []byte) {
	w.impaired(func() {
		select {
		case w.way <- travelling{frame, time.Now().Add(w.latency)}:
		case <-w.gone:
		}
	})
}

func (w *wire) deliver() {
	for {
		select {
		case next := <-w.way:
			time.Sleep(time.Until(next.due))
			w.write(next.frame)
		case <-w.gone:
			return
		}
	}
}

func (w *wire) write(frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorder.write("agent", websocket.BinaryMessage, frame)
	_ = w.connection.WriteMessage(websocket.BinaryMessage, frame)
}

// receive hands each binary frame on, until the connection ends.
func (w *wire) receive(handle func(frame []byte)) {
	for {
		kind, frame, err := w.connection.ReadMessage()
		if err != nil {
			close(w.gone)
			return
		}
		w.recorder.write("client", kind, frame)
		if kind == websocket.BinaryMessage {
			w.impaired(func() { handle(frame) })
		}
	}
}

func (w *wire) impaired(deliver func()) {
	chance := rand.Float64() * 100
	if chance < w.loss {
		return
	}
	if chance < w.loss+w.reorder {
		time.AfterFunc(time.Duration(rand.Float64()*float64(lateBy)), deliver)
		return
	}
	deliver()
}

// close ends it, with a WebSocket's farewell where there is a code. It does not wait for what is being written.
func (w *wire) close(code int) {
	if code != 0 {
		farewell := websocket.FormatCloseMessage(code, "Bye")
		_ = w.connection.WriteControl(websocket.CloseMessage, farewell, time.Now().Add(time.Second))
	}
	_ = w.connection.Close()
}

// recorder writes conversations down: one line of JSON for each frame.
type recorder struct {
	mu   sync.Mutex
	file *os.File
	from time.Time
}

func newRecorder(name string) *recorder {
	r := &recorder{from: time.Now()}
	if name != "" {
		file, err := os.Create(name)
		if err != nil {
			log.Fatal(err)
		}
		r.file = file
	}
	return r
}

func (r *recorder) write(from string, kind int, frame []byte) {
	if kind == websocket.TextMessage {
		r.line(answer{"from": from, "text": string(frame)})
	} else {
		r.line(answer{"from": from, "frame": frame})
	}
}

func (r *recorder) line(line answer) {
	if r.file == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	line["at"] = time.Since(r.from).Milliseconds()
	_ = json.NewEncoder(r.file).Encode(line)
}

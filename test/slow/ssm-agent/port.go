package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/session-manager-plugin/src/config"
	"github.com/aws/session-manager-plugin/src/message"
	"github.com/aws/session-manager-plugin/src/version"
	"github.com/xtaci/smux"
)

// startPort opens the session's way to the port: several connections in smux where both sides know it, else one.
func (s *session) startPort(clientVersion string) error {
	var forward forwarder
	var err error
	if version.DoesAgentSupportTCPMultiplexing(quiet, s.agentVersion) && knowsSmux(clientVersion) {
		forward, err = newMultiplexed(s)
	} else {
		forward, err = newPlain(s)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forward = forward
	return err
}

// knowsSmux tells whether it is 1.1.70 or newer.
func knowsSmux(clientVersion string) bool {
	for index, text := range strings.Split(clientVersion, ".") {
		part, err := strconv.Atoi(text)
		if err != nil || index > 2 || part != []int{1, 1, 70}[index] {
			return err == nil && (index > 2 || part > []int{1, 1, 70}[index])
		}
	}
	return true
}

func (s *session) address() string { return net.JoinHostPort(s.host, s.port) }

// toPort is what the client sent. A message that comes before the port is there stays unacknowledged.
func (s *session) toPort(payload []byte) bool {
	s.mu.Lock()
	forward := s.forward
	s.mu.Unlock()
	if forward == nil {
		return false
	}
	return forward.write(payload) == nil
}

func (s *session) flag(payload []byte) bool {
	if len(payload) != 4 {
		return true
	}
	switch message.PayloadTypeFlag(binary.BigEndian.Uint32(payload)) {
	case message.DisconnectToPort:
		s.mu.Lock()
		forward := s.forward
		s.mu.Unlock()
		if forward != nil {
			forward.disconnect()
		}
	case message.TerminateSession:
		go s.end("")
	}
	return true
}

// fromPort carries what the reader gives to the client, at the agent's speed.
func (s *session) fromPort(reader io.Reader) error {
	buffer := make([]byte, config.StreamDataPayloadSize)
	for s.waitUntilActive() {
		count, err := reader.Read(buffer)
		if err != nil {
			return err
		}
		s.pace.wait(count, s.megabytes)
		if err := s.send(message.Output, buffer[:count]); err != nil {
			return err
		}
		if s.throttle {
			time.Sleep(time.Millisecond)
		}
	}
	return io.ErrClosedPipe
}

// behind is what a pacer makes up for: the machine's other work shall not make an agent slower.
const behind = 100 * time.Millisecond

// pacer keeps what the agent sends at a number of megabytes a second.
type pacer struct {
	mu   sync.Mutex
	next time.Time
}

func (p *pacer) wait(bytes int, megabytes float64) {
	if megabytes == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if least := time.Now().Add(-behind); p.next.Before(least) {
		p.next = least
	}
	p.next = p.next.Add(time.Duration(float64(bytes) / megabytes * 1_000))
	time.Sleep(time.Until(p.next))
}

// multiplexed carries smux frames to and from a smux server.
type multiplexed struct {
	end    net.Conn
	server *smux.Session
}

func newMultiplexed(s *session) (forwarder, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	options := smux.DefaultConfig()
	options.KeepAliveDisabled = version.DoesAgentSupportDisableSmuxKeepAlive(quiet, s.agentVersion)
	server, err := smux.Server(far, options)
	if err != nil {
		return nil, err
	}
	go func() { _ = s.fromPort(near) }()
	go func() {
		for {
			stream, err := server.AcceptStream()
			if err != nil {
				return
			}
			connection, err := net.Dial("tcp", s.address())
			if err != nil {
				refused := binary.BigEndian.AppendUint32(nil, uint32(message.ConnectToPortError))
				_ = s.send(message.Flag, refused)
				_ = stream.Close()
				continue
			}
			go join(stream, connection)
		}
	}()
	return &multiplexed{near, server}, nil
}

func (m *multiplexed) write(payload []byte) error {
	_, err := m.end.Write(payload)
	return err
}

func (m *multiplexed) disconnect() {}

func (m *multiplexed) stop() {
	_ = m.end.Close()
	_ = m.server.Close()
}

func join(one, other io.ReadWriteCloser) {
	carry := func(to, from io.ReadWriteCloser) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}
	go carry(one, other)
	carry(other, one)
}

// plain carries one connection at a time, without any frames: the end of one is told by a flag, and by the client alone.
type plain struct {
	*session
	mu         sync.Mutex
	connection net.Conn
}

func newPlain(s *session) (forwarder, error) {
	p := &plain{session: s}
	if err := p.connect(); err != nil {
		return nil, errors.New("Unable to connect to specified port: " + err.Error())
	}
	return p, nil
}

func (p *plain) connect() error {
	connection, err := net.Dial("tcp", p.address())
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.connection = connection
	p.mu.Unlock()
	go func() {
		_ = p.fromPort(connection)
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = connection.Close()
		if p.connection == connection {
			p.connection = nil
		}
	}()
	return nil
}

func (p *plain) write(payload []byte) error {
	p.mu.Lock()
	connection := p.connection
	p.mu.Unlock()
	if connection == nil {
		if err := p.connect(); err != nil {
			go p.end("Unable to connect to specified port: " + err.Error())
			return err
		}
		return p.write(payload)
	}
	_, err := connection.Write(payload)
	return err
}

func (p *plain) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.connection != nil {
		_ = p.connection.Close()
		p.connection = nil
	}
}

func (p *plain) stop() { p.disconnect() }

// socketPair is what lies between the data channel and smux: a unix socket, whose buffers join small writes.
func socketPair() (net.Conn, net.Conn, error) {
	descriptors, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	ends := [2]net.Conn{}
	for index, descriptor := range descriptors {
		file := os.NewFile(uintptr(descriptor), "smux")
		if ends[index], err = net.FileConn(file); err != nil {
			return nil, nil, err
		}
		_ = file.Close()
	}
	return ends[0], ends[1], nil
}

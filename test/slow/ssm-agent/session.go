package main

import (
	"container/list"
	"encoding/base64"
	"encoding/json"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/session-manager-plugin/src/config"
	"github.com/aws/session-manager-plugin/src/encryption"
	"github.com/aws/session-manager-plugin/src/message"
	"github.com/gorilla/websocket"
	"github.com/twinj/uuid"
)

const (
	capacityOut = 8_192 // the agent has no limit but its speed; what is more than clients keep early would be sent again one by one
	capacityIn  = 100_000
	fewUnderWay = 64
	synFlag     = 1
)

// session is a data channel as the agent keeps it: what is sent until it is acknowledged, what came too early, and the port.
// It follows the agent in what helps no client: only the oldest message is sent again, an old one is not acknowledged twice.
type session struct {
	*service
	id, target, host, port string

	// Held while a message of the client is worked on: the agent takes one after the other, and waits for the port.
	inbound  sync.Mutex
	expected int64
	early    map[int64]message.ClientMessage

	mu       sync.Mutex
	room     *sync.Cond // room in unacked, or publishing again
	token    string
	wire     *wire
	isPaused bool
	next     int64
	unacked  *list.List
	bySeq    map[int64]*list.Element
	rtt      roundTrips
	cipher   *encryption.Encrypter
	hasBegun bool
	hasEnded bool
	handling *handshake
	forward  forwarder

	isAway atomic.Bool
	pace   pacer
}

type outgoing struct {
	sequence int64
	frame    []byte
	sentAt   time.Time
}

// forwarder is what a port session does with the client's bytes.
type forwarder interface {
	write(payload []byte) error
	disconnect()
	stop()
}

func newSession(s *service, id, target, host, port string) *session {
	if s.dial != "" {
		host = s.dial
	}
	session := &session{
		service: s, id: id, target: target, host: host, port: port,
		early: map[int64]message.ClientMessage{}, unacked: list.New(), bySeq: map[int64]*list.Element{},
		rtt: newRoundTrips(), isPaused: true, handling: newHandshake(),
	}
	session.room = sync.NewCond(&session.mu)
	return session
}

// ticket is what a client needs to open the channel; the token is good for one WebSocket.
func (s *session) ticket(streams string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = base64.StdEncoding.EncodeToString(random(48))
	url := streams + "/v1/data-channel/" + s.id + "?role=publish_subscribe"
	return answer{"SessionId": s.id, "TokenValue": s.token, "StreamUrl": url}
}

// serve is one WebSocket from its first frame to its end.
func (s *session) serve(w *wire) {
	if !s.open(w) {
		w.close(websocket.ClosePolicyViolation)
		return
	}
	w.receive(s.receive)
	s.mu.Lock()
	if s.wire == w {
		s.wire, s.isPaused = nil, true
	}
	s.mu.Unlock()
	w.close(0)
}

func (s *session) open(w *wire) bool {
	kind, frame, err := w.connection.ReadMessage()
	var opening struct{ MessageSchemaVersion, RequestId, TokenValue, ClientId, ClientVersion string }
	if err != nil || kind != websocket.TextMessage || json.Unmarshal(frame, &opening) != nil {
		return false
	}
	w.recorder.write("client", kind, frame)
	s.mu.Lock()
	defer s.mu.Unlock()
	isRight := opening.TokenValue == s.token && opening.MessageSchemaVersion == "1.0" &&
		len(opening.RequestId) >= 16 && opening.ClientId != "" && opening.ClientVersion != ""
	if !isRight || s.hasEnded {
		return false
	}
	s.token = "used: " + s.token
	s.wire, s.isPaused = w, false
	s.room.Broadcast()
	if !s.hasBegun {
		s.hasBegun = true
		go s.begin()
		go s.resend()
	}
	return true
}

func (s *session) begin() {
	clientVersion, err := s.handshake()
	if err == nil {
		err = s.startPort(clientVersion)
	}
	if err != nil {
		s.end(err.Error())
		return
	}
	s.inbound.Lock()
	defer s.inbound.Unlock()
	s.advance()
}

// send gives the next sequence number to a message, and waits where too many are under way.
func (s *session) send(kind message.PayloadType, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.unacked.Len() >= capacityOut && !s.hasEnded {
		s.room.Wait()
	}
	if s.cipher != nil && kind == message.Output {
		sealed, err := s.cipher.Encrypt(quiet, payload)
		if err != nil {
			return err
		}
		payload = sealed
	}
	flags := uint64(0)
	if s.next == 0 {
		flags = synFlag
	}
	frame, err := serialize(message.OutputStreamMessage, s.next, flags, kind, payload)
	if err != nil {
		return err
	}
	s.bySeq[s.next] = s.unacked.PushBack(&outgoing{s.next, frame, time.Now()})
	s.next++
	if s.wire != nil && !s.isPaused {
		s.wire.send(frame)
	}
	return nil
}

// resend looks at the oldest message alone, each 100 ms.
func (s *session) resend() {
	for range time.Tick(config.ResendSleepInterval) {
		s.mu.Lock()
		if s.hasEnded {
			s.mu.Unlock()
			return
		}
		if front := s.unacked.Front(); front != nil && s.wire != nil && !s.isPaused {
			oldest := front.Value.(*outgoing)
			if time.Since(oldest.sentAt) > s.rtt.timeout {
				oldest.sentAt = time.Now()
				s.wire.send(oldest.frame)
			}
		}
		s.mu.Unlock()
	}
}

// waitUntilActive is what keeps the port's bytes where they are while nobody listens; it tells whether the session goes on.
func (s *session) waitUntilActive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.isPaused && !s.hasEnded {
		s.room.Wait()
	}
	return !s.hasEnded
}

// restart is an agent that is away for a while: the client is told, what it sends meanwhile is lost, and so are acknowledgements.
func (s *session) restart(away time.Duration) {
	s.calm()
	s.isAway.Store(true)
	s.publish(false)
	time.Sleep(away)
	s.isAway.Store(false)
	s.publish(true)
}

// receive is a frame of the client's.
func (s *session) receive(frame []byte) {
	if s.isAway.Load() {
		return
	}
	s.inbound.Lock()
	defer s.inbound.Unlock()
	var m message.ClientMessage
	if m.DeserializeClientMessage(quiet, frame) != nil || m.Validate() != nil {
		s.end("a message that the stand-in cannot read")
		return
	}
	switch m.MessageType {
	case message.AcknowledgeMessage:
		if content, err := m.DeserializeDataStreamAcknowledgeContent(quiet); err == nil {
			s.acknowledged(content.SequenceNumber)
		}
	case message.InputStreamMessage:
		s.sequence(m)
	}
}

func (s *session) acknowledged(sequence int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, found := s.bySeq[sequence]
	if !found {
		return
	}
	s.rtt.add(time.Since(element.Value.(*outgoing).sentAt))
	s.unacked.Remove(element)
	delete(s.bySeq, sequence)
	s.room.Broadcast()
}

func (s *session) sequence(m message.ClientMessage) {
	switch {
	case m.SequenceNumber < s.expected: // The agent drops it without a word.
	case m.SequenceNumber > s.expected:
		if len(s.early) < capacityIn {
			s.acknowledge(m)
			s.early[m.SequenceNumber] = m
		}
	case s.process(m):
		s.acknowledge(m)
		s.expected++
		s.advance()
	}
}

// advance works on what came too early, as far as its turn has come and the port is there.
func (s *session) advance() {
	for next, found := s.early[s.expected]; found && s.process(next); next, found = s.early[s.expected] {
		delete(s.early, s.expected)
		s.expected++
	}
}

// process tells whether the message was taken.
func (s *session) process(m message.ClientMessage) bool {
	kind := message.PayloadType(m.PayloadType)
	if s.cipher != nil && kind == message.Output {
		plain, err := s.cipher.Decrypt(quiet, m.Payload)
		if err != nil {
			s.end(err.Error())
			return false
		}
		m.Payload = plain
	}
	switch kind {
	case message.HandshakeResponsePayloadType:
		s.handling.responses <- m.Payload
	case message.EncChallengeResponse:
		s.handling.challenges <- m.Payload
	case message.Output:
		return s.toPort(m.Payload)
	case message.Flag:
		return s.flag(m.Payload)
	}
	return true
}

func (s *session) acknowledge(m message.ClientMessage) {
	content := message.AcknowledgeContent{
		MessageType: m.MessageType, MessageId: m.MessageId.String(), SequenceNumber: m.SequenceNumber, IsSequentialMessage: true,
	}
	frame, err := message.SerializeClientMessageWithAcknowledgeContent(quiet, content)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.wire != nil {
		s.wire.send(frame)
	}
}

// publish is the service's pause_publication or start_publication, to both ends.
func (s *session) publish(isOn bool) {
	kind := message.PausePublicationMessage
	if isOn {
		kind = message.StartPublicationMessage
	}
	frame, err := serialize(kind, 0, 0, 0, []byte("{}"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isPaused = !isOn || s.wire == nil
	s.room.Broadcast()
	if err == nil && s.wire != nil {
		s.wire.send(frame)
	}
}

// calm waits for a moment in which few frames are under way, since each that is lost costs 100 ms: 8,192 of them 14 minutes.
func (s *session) calm() {
	for range 500 {
		s.mu.Lock()
		count := s.unacked.Len()
		s.mu.Unlock()
		if count < fewUnderWay {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// drop ends the WebSocket, not the session.
func (s *session) drop(code int) {
	s.calm()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wire != nil {
		s.wire.close(code)
	}
}

// end closes the session, and tells the client why.
func (s *session) end(why string) {
	s.mu.Lock()
	if s.hasEnded {
		s.mu.Unlock()
		return
	}
	s.hasEnded = true
	s.room.Broadcast()
	w, forward := s.wire, s.forward
	s.mu.Unlock()
	s.forget(s.id)
	if forward != nil {
		forward.stop()
	}
	if w == nil {
		return
	}
	closed, _ := json.Marshal(message.ChannelClosed{
		MessageId: uuid.NewV4().String(), SessionId: s.id, MessageType: message.ChannelClosedMessage, SchemaVersion: 1, Output: why,
	})
	if frame, err := serialize(message.ChannelClosedMessage, 0, 0, 0, closed); err == nil {
		w.write(frame)
	}
	w.close(websocket.CloseNormalClosure)
}

func serialize(kind string, sequence int64, flags uint64, payloadType message.PayloadType, payload []byte) ([]byte, error) {
	m := message.ClientMessage{
		MessageType: kind, SchemaVersion: 1, CreatedDate: uint64(time.Now().UnixMilli()), SequenceNumber: sequence, Flags: flags,
		MessageId: uuid.NewV4(), PayloadType: uint32(payloadType), Payload: payload,
	}
	return m.SerializeClientMessage(quiet)
}

// roundTrips is the agent's estimate of how long an acknowledgement takes.
type roundTrips struct {
	mean, variation float64
	timeout         time.Duration
}

func newRoundTrips() roundTrips {
	return roundTrips{float64(config.DefaultRoundTripTime), config.DefaultRoundTripTimeVariation, config.DefaultTransmissionTimeout}
}

func (r *roundTrips) add(took time.Duration) {
	r.variation += config.RTTVConstant * (math.Abs(r.mean-float64(took)) - r.variation)
	r.mean += config.RTTConstant * (float64(took) - r.mean)
	r.timeout = min(time.Duration(r.mean+max(float64(config.ClockGranularity), 4*r.variation)), config.MaxTransmissionTimeout)
}

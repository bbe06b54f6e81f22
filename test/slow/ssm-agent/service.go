package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// service answers the calls of the API, of KMS, of the WebSockets, and of the test that runs it.
type service struct {
	settings
	endpoint string
	streams  string
	recorder *recorder

	mu       sync.Mutex
	sessions map[string]*session
	started  int
	resumed  int
	dataKeys map[string]dataKey
}

type dataKey struct {
	plain   []byte
	context map[string]string
}

type call struct {
	SessionId         string
	Target            string
	DocumentName      string
	Parameters        map[string][]string
	KeyId             string
	NumberOfBytes     int
	EncryptionContext map[string]string
}

type answer map[string]any

func newService(s settings, endpoint string) *service {
	return &service{
		settings: s,
		endpoint: endpoint,
		streams:  strings.Replace(endpoint, "http", "ws", 1),
		recorder: newRecorder(s.record),
		sessions: map[string]*session{},
		dataKeys: map[string]dataKey{},
	}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id, found := strings.CutPrefix(r.URL.Path, "/v1/data-channel/"); found {
		s.dataChannel(w, r, id)
		return
	}
	if order, found := strings.CutPrefix(r.URL.Path, "/control/"); found {
		s.control(w, order)
		return
	}
	action := r.Header.Get("X-Amz-Target")
	name := "ssm"
	if strings.HasPrefix(action, "TrentService.") {
		name = "kms"
	}
	if !isSigned(r, name) {
		refuse(w, "IncompleteSignatureException", "the request is not signed for "+name)
		return
	}
	var c call
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	switch action {
	case "AmazonSSM.StartSession":
		s.startSession(w, c)
	case "AmazonSSM.ResumeSession":
		s.resumeSession(w, c)
	case "AmazonSSM.TerminateSession":
		s.terminateSession(w, c)
	case "TrentService.GenerateDataKey":
		s.generateDataKey(w, c)
	default:
		refuse(w, "UnknownOperationException", action)
	}
}

func (s *service) startSession(w http.ResponseWriter, c call) {
	host, port := c.Parameters["host"], c.Parameters["portNumber"]
	if c.DocumentName != "AWS-StartPortForwardingSessionToRemoteHost" || len(host) != 1 || len(port) != 1 {
		refuse(w, "InvalidDocument", "host and portNumber of AWS-StartPortForwardingSessionToRemoteHost")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started++
	id := fmt.Sprintf("stand-in-%x", random(9))
	session := newSession(s, id, c.Target, host[0], port[0])
	s.sessions[id] = session
	reply(w, session.ticket(s.streams))
}

func (s *service) resumeSession(w http.ResponseWriter, c call) {
	session := s.session(c.SessionId)
	if session == nil {
		// As the service answers for one that has ended.
		reply(w, answer{"SessionId": c.SessionId})
		return
	}
	s.mu.Lock()
	s.resumed++
	s.mu.Unlock()
	reply(w, session.ticket(s.streams))
}

func (s *service) terminateSession(w http.ResponseWriter, c call) {
	if session := s.session(c.SessionId); session != nil {
		session.end("")
	}
	reply(w, answer{"SessionId": c.SessionId})
}

func (s *service) generateDataKey(w http.ResponseWriter, c call) {
	if c.KeyId != s.kmsKey || c.NumberOfBytes != 64 {
		refuse(w, "NotFoundException", fmt.Sprintf("%d bytes of %s", c.NumberOfBytes, c.KeyId))
		return
	}
	plain, blob := random(64), random(48)
	s.recorder.line(answer{"from": "kms", "plaintext": plain, "ciphertext": blob})
	s.mu.Lock()
	s.dataKeys[string(blob)] = dataKey{plain, c.EncryptionContext}
	s.mu.Unlock()
	reply(w, answer{"KeyId": c.KeyId, "Plaintext": plain, "CiphertextBlob": blob})
}

// decrypt is the agent's call of KMS.
func (s *service) decrypt(blob []byte, context map[string]string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, found := s.dataKeys[string(blob)]
	if !found || !maps.Equal(key.context, context) {
		return nil, fmt.Errorf("InvalidCiphertextException: made for %v, not for %v", key.context, context)
	}
	return key.plain, nil
}

func (s *service) session(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

func (s *service) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id)
}

func (s *service) dataChannel(w http.ResponseWriter, r *http.Request, id string) {
	session := s.session(id)
	if session == nil || !isSigned(r, "ssmmessages") || r.URL.Query().Get("role") != "publish_subscribe" {
		http.Error(w, "no such channel", http.StatusForbidden)
		return
	}
	upgrader := websocket.Upgrader{}
	if connection, err := upgrader.Upgrade(w, r, nil); err == nil {
		session.serve(newWire(connection, s))
	}
}

// control is the test's hand: what to do to every session.
func (s *service) control(w http.ResponseWriter, order string) {
	s.mu.Lock()
	sessions := maps.Clone(s.sessions)
	state := answer{"started": s.started, "resumed": s.resumed, "open": len(sessions)}
	s.mu.Unlock()
	for _, session := range sessions {
		switch order {
		case "cut":
			session.drop(0)
		case "bye":
			session.drop(websocket.CloseNormalClosure)
		case "pause":
			session.publish(false)
		case "start":
			session.publish(true)
		case "restart":
			session.restart(500 * time.Millisecond)
		case "close":
			session.end("the stand-in was told to close it")
		}
	}
	reply(w, state)
}

// isSigned tells whether a signature for this service is there; src/demo's verifier is what proves ours.
func isSigned(r *http.Request, service string) bool {
	header := r.Header.Get("Authorization")
	return strings.HasPrefix(header, "AWS4-HMAC-SHA256 Credential=") &&
		strings.Contains(header, "/"+service+"/aws4_request") && r.Header.Get("X-Amz-Date") != ""
}

func reply(w http.ResponseWriter, body answer) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, kind, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(answer{"__type": kind, "message": message})
}

func random(size int) []byte {
	bytes := make([]byte, size)
	_, _ = rand.Read(bytes)
	return bytes
}

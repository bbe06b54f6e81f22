package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/session-manager-plugin/src/encryption"
	"github.com/aws/session-manager-plugin/src/message"
)

const handshakeTimeout = 15 * time.Second

type handshake struct {
	responses  chan []byte
	challenges chan []byte
}

func newHandshake() *handshake {
	return &handshake{make(chan []byte, 1), make(chan []byte, 1)}
}

// handshake asks the client for what this session needs, and returns the client's version.
func (s *session) handshake() (string, error) {
	began := time.Now()
	if err := s.sendJson(message.HandshakeRequestPayloadType, s.request()); err != nil {
		return "", err
	}
	var response struct {
		ClientVersion          string
		ProcessedClientActions []struct {
			ActionType   message.ActionType
			ActionStatus message.ActionStatus
			ActionResult json.RawMessage
			Error        string
		}
	}
	if err := s.awaitJson(s.handling.responses, &response); err != nil {
		return "", err
	}
	processed := map[message.ActionType]bool{}
	for _, action := range response.ProcessedClientActions {
		if action.ActionStatus != message.Success {
			return "", fmt.Errorf("%s failed on client with status %v error: %s", action.ActionType, action.ActionStatus, action.Error)
		}
		processed[action.ActionType] = true
		if action.ActionType == message.KMSEncryption {
			if err := s.encrypt(action.ActionResult); err != nil {
				return "", err
			}
		}
	}
	complete := message.HandshakeCompletePayload{}
	if s.kmsKey != "" {
		if err := s.challenge(); err != nil {
			return "", err
		}
		complete.CustomerMessage = "This session is encrypted using AWS KMS."
	}
	if !processed[message.SessionType] || processed[message.KMSEncryption] != (s.kmsKey != "") {
		return "", errors.New("the client left an action out")
	}
	complete.HandshakeTimeToComplete = time.Since(began)
	return response.ClientVersion, s.sendJson(message.HandshakeCompletePayloadType, complete)
}

func (s *session) request() message.HandshakeRequestPayload {
	action := func(kind message.ActionType, parameters any) message.RequestedClientAction {
		raw, _ := json.Marshal(parameters)
		return message.RequestedClientAction{ActionType: kind, ActionParameters: raw}
	}
	properties := map[string]string{"host": s.host, "portNumber": s.port, "localPortNumber": "0", "type": "LocalPortForwarding"}
	actions := []message.RequestedClientAction{
		action(message.SessionType, message.SessionTypeRequest{SessionType: "Port", Properties: properties}),
	}
	if s.kmsKey != "" {
		actions = append(actions, action(message.KMSEncryption, message.KMSEncryptionRequest{KMSKeyID: s.kmsKey}))
	}
	return message.HandshakeRequestPayload{AgentVersion: s.agentVersion, RequestedClientActions: actions}
}

// encrypt has the key of the client's answer decrypted, and uses its halves the other way round: the package is the client's.
func (s *session) encrypt(result json.RawMessage) error {
	var response message.KMSEncryptionResponse
	if err := json.Unmarshal(result, &response); err != nil {
		return err
	}
	bound := map[string]string{"aws:ssm:SessionId": s.id, "aws:ssm:TargetId": s.target}
	plain, err := s.decrypt(response.KMSCipherTextKey, bound)
	if err != nil {
		return err
	}
	cipher, err := encryption.NewEncrypter(quiet, s.kmsKey, bound, &swapped{append(plain[32:64:64], plain[:32]...)})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cipher = cipher
	return nil
}

func (s *session) challenge() error {
	secret := random(64)
	sealed, err := s.cipher.Encrypt(quiet, secret)
	if err != nil {
		return err
	}
	if err := s.sendJson(message.EncChallengeRequest, message.EncryptionChallengeRequest{Challenge: sealed}); err != nil {
		return err
	}
	var response message.EncryptionChallengeResponse
	if err := s.awaitJson(s.handling.challenges, &response); err != nil {
		return err
	}
	opened, err := s.cipher.Decrypt(quiet, response.Challenge)
	if err != nil || !bytes.Equal(opened, secret) {
		return errors.New("Encryption challenge does not match!")
	}
	return nil
}

func (s *session) sendJson(kind message.PayloadType, content any) error {
	payload, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return s.send(kind, payload)
}

// awaitJson returns when the message is acknowledged too: the plugin's reader dies of what comes while it opens its port.
func (s *session) awaitJson(payloads <-chan []byte, content any) error {
	select {
	case payload := <-payloads:
		s.inbound.Lock()
		defer s.inbound.Unlock()
		return json.Unmarshal(payload, content)
	case <-time.After(handshakeTimeout):
		return errors.New("Handshake timed out. Please ensure that you have the latest version of the session manager plugin.")
	}
}

// swapped is a KMS that knows one key.
type swapped struct{ key []byte }

func (k *swapped) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return &kms.GenerateDataKeyOutput{Plaintext: k.key}, nil
}

func (k *swapped) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return nil, errors.ErrUnsupported
}

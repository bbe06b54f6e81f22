// ssm-agent is a stand-in for AWS Systems Manager: StartSession's API, KMS, the service of data channels and the agent of an
// instance, in one program on loopback. Its messages, their checks and their encryption are those of AWS's own plugin, its
// multiplexer is the one that the agent uses.
//
// It prints one line of JSON when it is ready: where it listens. It ends with its standard input, and so with the test.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	plugin "github.com/aws/session-manager-plugin/src/log"
	"github.com/twinj/uuid"
)

type settings struct {
	agentVersion string
	kmsKey       string
	dial         string
	certificate  string
	key          string
	record       string
	throttle     bool
	megabytes    float64
	latency      time.Duration
	loss         float64
	reorder      float64
}

// What AWS's packages want for their errors.
var quiet = plugin.NewMockLog()

func main() {
	var s settings
	flag.StringVar(&s.agentVersion, "agent-version", "3.3.3050.0", "what the handshake says; up to 3.0.196.0 without smux")
	flag.StringVar(&s.kmsKey, "kms", "", "the `key` that sessions have to be encrypted with")
	flag.StringVar(&s.dial, "dial", "", "the `address` to dial in place of any host that is asked for")
	flag.StringVar(&s.certificate, "cert", "", "PEM `file`: data channels are wss://")
	flag.StringVar(&s.key, "key", "", "PEM `file` of its key")
	flag.StringVar(&s.record, "record", "", "write each frame to this `file`")
	flag.BoolVar(&s.throttle, "throttle", false, "sleep 1 ms after each read from the port, as the agent does")
	flag.Float64Var(&s.megabytes, "megabytes", 0, "the most that a session sends, a second")
	flag.DurationVar(&s.latency, "latency", 0, "how long a frame is on its way to the client")
	flag.Float64Var(&s.loss, "loss", 0, "percent of the frames that are lost, each way")
	flag.Float64Var(&s.reorder, "reorder", 0, "percent of the frames that come late, each way")
	flag.Parse()
	uuid.SwitchFormat(uuid.CleanHyphen)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()

	listener := listen()
	service := newService(s, "http://"+listener.Addr().String())
	ready := map[string]string{"endpoint": service.endpoint}
	if s.certificate != "" {
		secure := listen()
		service.streams = "wss://" + strings.Replace(secure.Addr().String(), "127.0.0.1", "localhost", 1)
		go func() { log.Fatal(http.ServeTLS(secure, service, s.certificate, s.key)) }()
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, service))
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

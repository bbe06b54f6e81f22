// A stand-in for a Kubernetes API server, as far as `kubectl port-forward` asks it: discovery, a few objects, and the forwarding
// itself by Kubernetes' own server code, over SPDY and over WebSockets. What a pod's port leads to is chosen by the test. A real
// kube-apiserver (1.34, built from its Go module, with etcd) has answered kubectl the same, each failure included.
// Its first line on stdout is its URL. POST /control?pod=NAME&port=PORT&to=PORT leads a pod's port to one of this machine;
// POST /control?kill=NAME ends what a pod has open, and puts another in its place where it belongs to a Deployment.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	upgrade "k8s.io/apimachinery/pkg/util/proxy"
	tunnel "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
)

const namespace = "data"

type object = map[string]any

// The pods of the namespace, by name.
type cluster struct {
	mutex  sync.Mutex
	pods   map[string]string // the app of each
	phase  map[string]string // of each app's pods; Running when absent
	ports  map[string]string // "APP PORT" to an address
	killed map[string]chan struct{}
	number int
}

func (c *cluster) add(app string) {
	c.number++
	name := fmt.Sprintf("%s-%d", app, c.number)
	c.pods[name] = app
	c.killed[name] = make(chan struct{})
}

// Carries one connection to a pod's port.
func (c *cluster) PortForward(_ context.Context, name string, _ types.UID, port int32, stream io.ReadWriteCloser) error {
	c.mutex.Lock()
	address := c.ports[fmt.Sprintf("%s %d", c.pods[name], port)]
	killed := c.killed[name]
	c.mutex.Unlock()
	if address == "" {
		// As containerd says it.
		return fmt.Errorf("failed to execute portforward in network namespace \"/var/run/netns/cni-1\": failed to connect to localhost:%d inside namespace \"1\", IPv4: dial tcp4 127.0.0.1:%d: connect: connection refused", port, port)
	}
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	done := make(chan struct{}, 2)
	copyTo := func(to io.Writer, from io.Reader) {
		io.Copy(to, from)
		done <- struct{}{}
	}
	go copyTo(connection, stream)
	go copyTo(stream, connection)
	select {
	case <-done:
	case <-killed:
	}
	return nil
}

func (c *cluster) pod(name string) (object, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	app, found := c.pods[name]
	if !found {
		return nil, false
	}
	phase := c.phase[app]
	if phase == "" {
		phase = "Running"
	}
	container := object{"name": app, "image": app, "ports": []object{{"name": "main", "containerPort": 8443}}}
	condition := object{"type": "Ready", "status": map[bool]string{true: "True", false: "False"}[phase == "Running"]}
	return object{
		"kind": "Pod", "apiVersion": "v1",
		"metadata": object{"name": name, "namespace": namespace, "uid": name, "labels": object{"app": app}},
		"spec":     object{"containers": []object{container}},
		"status":   object{"phase": phase, "conditions": []object{condition}},
	}, true
}

func (c *cluster) podsOf(selector string) object {
	c.mutex.Lock()
	names := []string{}
	for name, app := range c.pods {
		if selector == "" || selector == "app="+app {
			names = append(names, name)
		}
	}
	c.mutex.Unlock()
	items := []object{}
	for _, name := range names {
		if pod, found := c.pod(name); found {
			items = append(items, pod)
		}
	}
	return object{"kind": "PodList", "apiVersion": "v1", "metadata": object{}, "items": items}
}

func (c *cluster) control(request *http.Request) {
	words := request.URL.Query()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if to := words.Get("to"); to != "" {
		c.ports[words.Get("app")+" "+words.Get("port")] = "127.0.0.1:" + to
	}
	if app := words.Get("kill"); app != "" {
		for name, own := range c.pods {
			if own == app {
				close(c.killed[name])
				delete(c.pods, name)
			}
		}
		c.add(app)
	}
}

func status(writer http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	answer(writer, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   "Failure", Code: int32(code), Reason: reason, Message: message,
	})
}

func answer(writer http.ResponseWriter, code int, body any) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(code)
	json.NewEncoder(writer).Encode(body)
}

func discovery(path string) any {
	verbs := []string{"get", "list", "create"}
	switch path {
	case "/api":
		return object{"kind": "APIVersions", "versions": []string{"v1"}}
	case "/apis":
		version := object{"groupVersion": "apps/v1", "version": "v1"}
		group := object{"name": "apps", "versions": []object{version}, "preferredVersion": version}
		return object{"kind": "APIGroupList", "apiVersion": "v1", "groups": []object{group}}
	case "/api/v1":
		return object{"kind": "APIResourceList", "groupVersion": "v1", "resources": []object{
			{"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": verbs, "shortNames": []string{"po"}},
			{"name": "services", "singularName": "service", "namespaced": true, "kind": "Service", "verbs": verbs, "shortNames": []string{"svc"}},
		}}
	case "/apis/apps/v1":
		return object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1", "resources": []object{
			{"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": verbs, "shortNames": []string{"deploy"}},
		}}
	}
	return nil
}

var paths = regexp.MustCompile(`^/(?:api|apis/apps)/v1/namespaces/([^/]+)/(pods|services|deployments)(?:/([^/]+))?(/portforward)?$`)

// What is in the namespace besides pods.
var deployments = map[string]bool{"relay": true, "stuck": true, "none": true, "denied": true}
var services = map[string]int{"relay": 443, "db": 5432}

func (c *cluster) serve(writer http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	if path == "/control" {
		c.control(request)
		return
	}
	if request.Header.Get("Authorization") != "Bearer good" {
		status(writer, 401, metav1.StatusReasonUnauthorized, "Unauthorized")
		return
	}
	if found := discovery(path); found != nil {
		answer(writer, 200, found)
		return
	}
	if space, isSpace := strings.CutPrefix(path, "/api/v1/namespaces/"); isSpace && !strings.Contains(space, "/") {
		if space == namespace {
			answer(writer, 200, object{"kind": "Namespace", "apiVersion": "v1", "metadata": object{"name": space}})
		} else {
			status(writer, 404, metav1.StatusReasonNotFound, fmt.Sprintf("namespaces %q not found", space))
		}
		return
	}
	words := paths.FindStringSubmatch(path)
	if words == nil {
		status(writer, 404, metav1.StatusReasonNotFound, "the server could not find the requested resource")
		return
	}
	space, kind, name := words[1], words[2], words[3]
	missing := func() {
		status(writer, 404, metav1.StatusReasonNotFound, fmt.Sprintf("%s %q not found", map[bool]string{true: kind + ".apps", false: kind}[kind == "deployments"], name))
	}
	if space != namespace {
		missing()
		return
	}
	switch {
	case words[4] != "":
		c.forward(writer, request, name)
	case kind == "pods" && request.URL.Query().Get("watch") != "":
		// Nothing happens.
		writer.WriteHeader(200)
		writer.(http.Flusher).Flush()
		<-request.Context().Done()
	case kind == "pods" && name == "":
		answer(writer, 200, c.podsOf(request.URL.Query().Get("labelSelector")))
	case kind == "pods":
		if pod, found := c.pod(name); found {
			answer(writer, 200, pod)
		} else {
			missing()
		}
	case kind == "deployments" && deployments[name]:
		labels := object{"app": name}
		answer(writer, 200, object{
			"kind": "Deployment", "apiVersion": "apps/v1", "metadata": object{"name": name, "namespace": space},
			"spec": object{
				"selector": object{"matchLabels": labels},
				"template": object{"metadata": object{"labels": labels}, "spec": object{"containers": []object{}}},
			},
		})
	case kind == "services" && services[name] != 0:
		port := object{"name": "main", "port": services[name], "targetPort": 8443, "protocol": "TCP"}
		answer(writer, 200, object{
			"kind": "Service", "apiVersion": "v1", "metadata": object{"name": name, "namespace": space},
			"spec": object{"selector": object{"app": name}, "clusterIP": "10.0.0.1", "ports": []object{port}},
		})
	default:
		missing()
	}
}

func (c *cluster) forward(writer http.ResponseWriter, request *http.Request, name string) {
	c.mutex.Lock()
	app := c.pods[name]
	c.mutex.Unlock()
	if app == "denied" {
		message := fmt.Sprintf(`pods %q is forbidden: User "jane" cannot create resource "pods/portforward" in API group "" in the namespace %q`, name, namespace)
		status(writer, 403, metav1.StatusReasonForbidden, message)
		return
	}
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		options := &portforward.V4Options{}
		portforward.ServePortForward(writer, request, c, name, types.UID(name), options, time.Hour, 30*time.Second, portforward.SupportedProtocols)
	})
	// What the API server itself does between kubectl's WebSocket and the kubelet's SPDY.
	if strings.Contains(request.Header.Get("Sec-Websocket-Protocol"), "SPDY/3.1+") {
		kubelet := httptest.NewServer(handler)
		defer kubelet.Close()
		target := *request.URL
		target.Scheme, target.Host = "http", kubelet.Listener.Addr().String()
		upstream := upgrade.NewUpgradeAwareHandler(&target, nil, false, true, &responder{})
		tunnel.NewTunnelingHandler(upstream).ServeHTTP(writer, request)
		return
	}
	handler.ServeHTTP(writer, request)
}

type responder struct{}

func (r *responder) Error(writer http.ResponseWriter, _ *http.Request, err error) {
	status(writer, 500, metav1.StatusReasonInternalError, err.Error())
}

func main() {
	c := &cluster{pods: map[string]string{}, phase: map[string]string{"stuck": "Pending"}, ports: map[string]string{}, killed: map[string]chan struct{}{}}
	for _, app := range []string{"relay", "db", "stuck", "denied"} {
		c.add(app)
	}
	// kubectl sends no login without TLS.
	server := httptest.NewTLSServer(http.HandlerFunc(c.serve))
	defer server.Close()
	fmt.Println(server.URL)
	io.Copy(io.Discard, os.Stdin)
}

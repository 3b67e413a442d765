// Package embedded runs a NATS server with JetStream in this process, for package jetstream.
//
// A single server listens on no port. Its streams are the files of one directory, and a message is on the disk before it
// is acknowledged. With [Cluster] the server is a node of a cluster.
package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// An Option is an option of [Start].
type Option func(*config)

type config struct {
	options server.Options
	client  string // the address for clients, or "" for none
	cluster string // the address for the other nodes
	routes  []string
	reach   string // the address of Advertise
	logger  server.Logger
}

// Cluster makes the server a node of a cluster. name must differ from the names of the other nodes, and stay the
// same after a restart. listen is the address at which the other nodes reach this one. routes are the addresses at
// which this node reaches the others. All nodes should name all others. A cluster forms when most of its nodes are
// there. The traffic between nodes is neither encrypted nor authenticated, so listen must be reachable by nodes
// only.
//
// A server can stay behind after it led a stream while the others could not hear it. The leader of the stream notices
// this within ten seconds, and sends it a snapshot of the stream. So it catches up without a restart.
//
// The server also accepts clients, on a free port of 127.0.0.1 or at the address of [Clients].
func Cluster(name, listen string, routes ...string) Option {
	return func(c *config) {
		c.options.ServerName, c.cluster, c.routes = name, listen, routes
	}
}

// Advertise sets the address at which the other nodes of a [Cluster] reach this one. Use it if this is not the
// address at which the node listens, for example behind a proxy or in a container. The nodes tell one another these
// addresses.
func Advertise(address string) Option {
	return func(c *config) { c.reach = address }
}

// Clients lets the server accept clients at the address listen, so that tools such as nats can look at its streams.
// The clients are not authenticated.
func Clients(listen string) Option {
	return func(c *config) { c.client = listen }
}

// SyncLater acknowledges a message before it is on the disk. The server writes files to the disk every two minutes,
// so a crash of the machine can lose acknowledged messages. A crash of the process loses none of them. In a cluster
// with replicas, the other nodes still have the messages.
func SyncLater() Option {
	return func(c *config) { c.options.SyncAlways = false }
}

// Logger receives the log of the server. By default the server does not log.
func Logger(l server.Logger) Option {
	return func(c *config) { c.logger = l }
}

// Start starts a server whose streams are in dir, and connects to it. It creates dir if it does not exist. It
// returns an error if another process uses dir. It also returns an error if dir belongs to another node, or if dir
// belongs to a single server and this server is a node: a cluster deletes streams that it does not know.
//
// stop sends the messages that were published, closes the connection and ends the server. A node of a cluster first
// hands over its leaderships, so that the other nodes need not wait until they notice its absence. stop returns when
// all files are closed. It may be called any number of times. A process that ends without stop loses nothing that
// was acknowledged.
//
// Start does not wait for the other nodes of a cluster. Functions such as jetstream.Open wait for them.
func Start(dir string, opts ...Option) (nc *nats.Conn, stop func(), err error) {
	c := config{options: server.Options{
		StoreDir: dir, JetStream: true, SyncAlways: true, NoLog: true, NoSigs: true,
		LameDuckGracePeriod: time.Millisecond, LameDuckDuration: 2 * time.Millisecond,
	}}
	for _, opt := range opts {
		opt(&c)
	}
	if err := c.listen(); err != nil {
		return nil, nil, fmt.Errorf("embedded: Start: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, nil, fmt.Errorf("embedded: Start: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, nil, fmt.Errorf("embedded: Start: %s is in use by another server: %w", dir, err)
	}
	err = c.own(dir)
	var end func()
	if err == nil {
		nc, end, err = c.start()
	}
	if err != nil {
		lock.Close()
		return nil, nil, fmt.Errorf("embedded: Start: %w", err)
	}
	return nc, sync.OnceFunc(func() {
		end()
		lock.Close()
	}), nil
}

// own marks dir as that of this server, or returns an error if dir belongs to another server.
func (c *config) own(dir string) error {
	owner, file := "a single server", filepath.Join(dir, "owner")
	if c.cluster != "" {
		owner = fmt.Sprintf("the node %s of a cluster", c.options.ServerName)
	}
	switch old, err := os.ReadFile(file); {
	case errors.Is(err, fs.ErrNotExist):
		return os.WriteFile(file, []byte(owner), 0o640)
	case err != nil:
		return err
	case string(old) != owner:
		return fmt.Errorf("%s belongs to %s, and this is %s: take another folder, and copy the streams with a backup", dir, old, owner)
	}
	return nil
}

func (c *config) listen() (err error) {
	o := &c.options
	if c.cluster == "" && c.client == "" {
		o.DontListen = true
		return nil
	}
	if c.client == "" {
		c.client = "127.0.0.1:0" // a server that does not listen to clients starts no routes
	}
	if o.Host, o.Port, err = hostPort(c.client); err != nil || c.cluster == "" {
		return err
	}
	o.Cluster = server.ClusterOpts{
		Name:      "halley",
		Advertise: c.reach,
		PoolSize:  -1, // with one connection between two servers, a request cannot overtake the interest in its subject
	}
	if o.Cluster.Host, o.Cluster.Port, err = hostPort(c.cluster); err != nil {
		return err
	}
	for _, route := range c.routes {
		if _, _, err := hostPort(route); err != nil {
			return err
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: route})
	}
	return nil
}

func hostPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%q must be an address such as 127.0.0.1:6222: %w", address, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

func (c *config) start() (*nats.Conn, func(), error) {
	srv, err := server.NewServer(&c.options)
	if err != nil {
		return nil, nil, err
	}
	failure := make(chan error, 1)
	srv.SetLoggerV2(&logger{c.logger, failure}, false, false, false)
	srv.Start()
	done := make(chan struct{})
	var helping sync.WaitGroup
	shutdown := func() {
		close(done)
		helping.Wait()
		srv.Shutdown()
		srv.WaitForShutdown()
	}
	for ready := false; !ready; {
		select {
		case err := <-failure:
			shutdown()
			return nil, nil, err
		default:
			ready = srv.ReadyForConnections(10 * time.Millisecond)
		}
	}
	if c.cluster != "" {
		helping.Go(func() { helpReplicas(srv, done) })
	}
	closed := make(chan struct{})
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Name("halley"), nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond), nats.DrainTimeout(5*time.Second), nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // by default it writes to the standard error
	if err != nil {
		shutdown()
		return nil, nil, err
	}
	return nc, func() {
		if nc.Drain() != nil {
			nc.Close()
		}
		<-closed
		if c.cluster != "" {
			srv.LameDuckShutdown()
		}
		shutdown()
	}, nil
}

// logger hands on to Logger, which may be nil. The first message that is fatal also goes to failure.
type logger struct {
	server.Logger
	failure chan<- error
}

func (l *logger) Fatalf(format string, v ...any) {
	select {
	case l.failure <- fmt.Errorf(format, v...):
	default:
	}
	if l.Logger != nil {
		l.Logger.Errorf(format, v...) // a Logger may end the process at a Fatalf
	}
}

func (l *logger) Noticef(format string, v ...any) {
	if l.Logger != nil {
		l.Logger.Noticef(format, v...)
	}
}

func (l *logger) Warnf(format string, v ...any) {
	if l.Logger != nil {
		l.Logger.Warnf(format, v...)
	}
}

func (l *logger) Errorf(format string, v ...any) {
	if l.Logger != nil {
		l.Logger.Errorf(format, v...)
	}
}

func (l *logger) Debugf(string, ...any) {}
func (l *logger) Tracef(string, ...any) {}

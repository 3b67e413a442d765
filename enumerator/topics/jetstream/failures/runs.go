//go:build unix

package main

import (
	"context"
	"fmt"
	"log"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A failure is an event that disturbs a cluster under load.
type failure struct {
	name   string
	happen func(context.Context, *stage) error

	// pause is the longest time for which a reader may get nothing, or 0 for any time. If all is set, it limits the
	// pauses of all readers, and otherwise the pauses of the readers at nodes to which nothing happens.
	pause time.Duration
	all   bool
}

const unlimited = 0

var failures = []failure{
	{"none", nothing, time.Second, true},
	{"kill -9 of the leader", toLeader(kill), 10 * time.Second, true},
	{"kill -9 of a follower", toFollower(kill), time.Second, false},
	{"kill -9 of each in turn", toEach(kill), 10 * time.Second, true},
	{"SIGSTOP of the leader for 12 s", toLeader(freeze), unlimited, true}, // the others may wait to write to it, and elect no leader meanwhile
	{"SIGTERM of the leader", toLeader(stop), 3 * time.Second, true},
	{"SIGTERM of each in turn", toEach(stop), 3 * time.Second, true},
	{"partition of the leader, both ways", toLeader(partition(true, true)), 10 * time.Second, false},
	{"partition of the leader, from it", toLeader(partition(true, false)), 10 * time.Second, false},
	{"partition of the leader, to it", toLeader(partition(false, true)), unlimited, false},             // it leads for another 10 to 20 s
	{"partition of a follower, both ways", toFollower(partition(true, true)), 10 * time.Second, false}, // it wants an election when it is back
}

// A stage is a cluster under load, and the log of the events.
type stage struct {
	*cluster
	*load
	times
	start   time.Time
	victims []pause
}

// times are the parts of a run.
type times struct {
	calm time.Duration // before and after the failure
	down time.Duration // between a failure and its end
}

// say logs an event.
func (s *stage) say(format string, args ...any) {
	log.Printf("%6.1f s  %s", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// wait waits, unless ctx ends.
func (s *stage) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// report logs the progress every 5 s until ctx ends.
func (s *stage) report(ctx context.Context) {
	for s.wait(ctx, 5*time.Second) == nil {
		s.progress()
	}
}

func (s *stage) progress() {
	sent, acked := s.ledger.count()
	got := 0
	for _, r := range s.records {
		got += r.count()
	}
	s.say("%d published, %d acknowledged, %d received", sent, acked, got)
}

// hurt notes that node n is disturbed from now on. heal notes the end of the disturbance.
func (s *stage) hurt(n int, format string, args ...any) {
	s.say(format+" %s", append(args, s.nodes[n].name)...)
	s.victims = append(s.victims, pause{node: n, from: time.Now()})
}

func (s *stage) heal(ctx context.Context) error {
	if err := s.await(ctx); err != nil {
		return err
	}
	s.victims[len(s.victims)-1].to = time.Now()
	s.say("the cluster is whole")
	return nil
}

func nothing(ctx context.Context, s *stage) error { return s.wait(ctx, s.down) }

// kill ends node n at once, and starts it again.
func kill(ctx context.Context, s *stage, n int) error {
	s.hurt(n, "kill -9 of")
	if err := s.nodes[n].signal(syscall.SIGKILL); err != nil {
		return err
	}
	return s.restart(ctx, n)
}

// stop asks node n to end, and starts it again.
func stop(ctx context.Context, s *stage, n int) error {
	s.hurt(n, "SIGTERM to")
	if err := s.nodes[n].signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.restart(ctx, n)
}

func (s *stage) restart(ctx context.Context, n int) error {
	victim := s.nodes[n]
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return fmt.Errorf("%s does not end", victim.name)
	case <-victim.ended:
	}
	s.say("%s has ended", victim.name)
	if err := s.wait(ctx, s.down); err != nil {
		return err
	}
	if err := victim.start(); err != nil {
		return err
	}
	s.say("%s starts", victim.name)
	return s.heal(ctx)
}

// freeze stops node n for 12 s.
func freeze(ctx context.Context, s *stage, n int) error {
	s.hurt(n, "SIGSTOP of")
	if err := s.nodes[n].signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := s.wait(ctx, 12*time.Second); err != nil {
		return err
	}
	if err := s.nodes[n].signal(syscall.SIGCONT); err != nil {
		return err
	}
	s.say("SIGCONT")
	return s.heal(ctx)
}

// partition holds back the bytes that a node sends to the others, or the bytes that they send to it, or both.
func partition(out, in bool) func(context.Context, *stage, int) error {
	return func(ctx context.Context, s *stage, n int) error {
		s.hurt(n, "the network fails at")
		s.hold(n, out, in)
		err := s.wait(ctx, 2*s.down)
		s.hold(n, false, false)
		if err != nil {
			return err
		}
		s.say("the network works")
		return s.heal(ctx)
	}
}

func toLeader(do func(context.Context, *stage, int) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		leader, err := s.leader(ctx)
		if err != nil {
			return err
		}
		s.say("%s is the leader", s.nodes[leader].name)
		return do(ctx, s, leader)
	}
}

func toFollower(do func(context.Context, *stage, int) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		leader, err := s.leader(ctx)
		if err != nil {
			return err
		}
		s.say("%s is the leader", s.nodes[leader].name)
		return do(ctx, s, (leader+1)%size)
	}
}

func toEach(do func(context.Context, *stage, int) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		for n := range size {
			if err := do(ctx, s, n); err != nil {
				return err
			}
			if err := s.wait(ctx, s.calm); err != nil {
				return err
			}
		}
		return nil
	}
}

// A result holds the findings of a run.
type result struct {
	failure
	verdict
	acked, got     int
	elsewhere, any time.Duration // the longest pauses
	p99, max       time.Duration // of publishing
}

// run lets f happen to a new cluster under load. The folder of the nodes is below dir.
func run(ctx context.Context, f failure, p plan, t times, dir string) result {
	s := &stage{times: t, start: time.Now()}
	s.say("a cluster starts, for: %s", f.name)
	dir = filepath.Join(dir, strings.NewReplacer(" ", "-", ",", "").Replace(f.name))
	var err error
	if s.cluster, err = startCluster(ctx, dir); err != nil {
		return result{failure: f, verdict: verdict{notes: []string{err.Error()}}}
	}
	defer s.cluster.close()
	s.say("%d readers and %d topics of %d messages a second start", p.readers, p.topics, p.rate)
	s.load = startLoad(ctx, p, s.urls(), nil)
	s.publish(ctx)
	reporting, stop := context.WithCancel(ctx)
	go s.report(reporting)
	err = s.wait(ctx, s.calm)
	if err == nil {
		err = f.happen(ctx, s)
	}
	if err == nil {
		err = s.wait(ctx, s.calm)
	}
	s.say("the publishers end")
	v := s.end()
	stop()
	s.progress()
	if err != nil {
		v.note("%v", err)
	}
	return s.result(f, v)
}

func (s *stage) result(f failure, v verdict) result {
	r := result{failure: f, verdict: v}
	took := slices.Sorted(slices.Values(s.ledger.took))
	if r.acked = len(took); r.acked > 0 {
		r.p99, r.max = took[len(took)*99/100], took[len(took)-1]
	}
	for _, record := range s.records {
		r.got += record.total
		for _, p := range record.pauses {
			r.any = max(r.any, p.length())
			if !s.isVictim(p) {
				r.elsewhere = max(r.elsewhere, p.length())
			}
		}
	}
	longest := r.elsewhere
	if f.all {
		longest = r.any
	}
	if f.pause != unlimited && longest > f.pause {
		r.note("readers paused for %.1f s, and may for %v", longest.Seconds(), f.pause)
	}
	return r
}

// isVictim reports whether something happened to the node of a reader during its pause.
func (s *stage) isVictim(p pause) bool {
	return slices.ContainsFunc(s.victims, func(v pause) bool {
		return v.node == p.node && v.from.Before(p.to) && (v.to.IsZero() || v.to.After(p.from))
	})
}

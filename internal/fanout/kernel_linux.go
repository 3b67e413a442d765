package fanout

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported reports whether this system can have a Crowd.
const Supported = true

// maxUnsent limits how many bytes wait in the kernel for a client that does not read, besides those that are on
// their way.
const maxUnsent = 16 << 10

// Take takes the descriptor of conn away from the runtime, and closes conn.
func Take(conn *net.TCPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err == nil {
		// The duplicate keeps the connection open. Close takes the descriptor itself out of the runtime's poller.
		control := raw.Control(func(original uintptr) {
			if fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0); err == nil {
				err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
				if err != nil {
					_ = unix.Close(fd)
				}
			}
		})
		if control != nil {
			err = control
		}
	}
	_ = conn.Close()
	if err != nil {
		return -1, fmt.Errorf("fanout: take a connection over: %w", err)
	}
	return fd, nil
}

// epoll is the kernel of Linux.
type epoll struct {
	fd   int
	file *os.File // of fd, so that the runtime's poller tells when there are events
}

func newKernel() (kernel, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &epoll{fd, os.NewFile(uintptr(fd), "epoll")}, nil
}

// add asks for edges, once and for all. An edge of EPOLLOUT comes only after a write that found no room.
func (k *epoll) add(fd int, id uint64) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(k.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLRDHUP | unix.EPOLLOUT | unix.EPOLLET,
		Fd:     int32(uint32(id)),
		Pad:    int32(uint32(id >> 32)),
	}))
}

func (k *epoll) write(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Write(fd, p)
		switch err {
		case nil:
			return n, nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

func (k *epoll) finish(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

func (k *epoll) close(fd int) { _ = unix.Close(fd) }

func (k *epoll) reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
}

func (k *epoll) wait(f func([]event) bool) {
	raw, err := k.file.SyscallConn()
	if err != nil {
		return
	}
	var ready [256]unix.EpollEvent
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), ready[:], 0)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || n == 0 {
				return err != nil
			}
			events := make([]event, n)
			for i, e := range ready[:n] {
				events[i] = event{
					id:   uint64(uint32(e.Pad))<<32 | uint64(uint32(e.Fd)),
					left: e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
				}
			}
			if !f(events) {
				return true
			}
		}
	})
}

func (k *epoll) stop() { _ = k.file.Close() }

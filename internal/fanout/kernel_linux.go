package fanout

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"
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
			if fd, err = duplicate(original); err == nil {
				err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, notSentLowAt, maxUnsent))
				if err != nil {
					_ = syscall.Close(fd)
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

// notSentLowAt is TCP_NOTSENT_LOWAT, which package syscall lacks.
const notSentLowAt = 25

func duplicate(original uintptr) (fd int, err error) {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, original, syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("fcntl", errno)
	}
	return int(n), nil
}

// epoll is the kernel of Linux.
type epoll struct {
	fd   int
	file *os.File // of fd, so that the runtime's poller tells when there are events
}

func newKernel() (kernel, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &epoll{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}, nil
}

// edges is EPOLLET, which is negative in package syscall.
const edges = 1 << 31

// add asks for edges, so it need not ask again. An edge of EPOLLOUT comes only after a write that found no room, and
// one of EPOLLIN only when the client has sent something.
func (k *epoll) add(fd int, id uint64) error {
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(k.fd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLOUT | edges,
		Fd:     int32(uint32(id)),
		Pad:    int32(uint32(id >> 32)),
	}))
}

func (k *epoll) write(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, p)
		switch err {
		case nil:
			return n, nil
		case syscall.EAGAIN:
			return 0, nil
		case syscall.EINTR:
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

func (k *epoll) finish(fd int) { _ = syscall.Shutdown(fd, syscall.SHUT_WR) }

func (k *epoll) read(fd int, p []byte) int {
	for {
		if n, err := syscall.Read(fd, p); err != syscall.EINTR {
			return max(n, 0)
		}
	}
}

func (k *epoll) received(fd int) bool {
	var unsent int32 // the bytes that are not sent, or not acknowledged by the client
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&unsent)))
	return errno != 0 || unsent == 0
}

func (k *epoll) close(fd int) { _ = syscall.Close(fd) }

func (k *epoll) reset(fd int) {
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	_ = syscall.Close(fd)
}

func (k *epoll) wait(f func([]event) bool) {
	raw, err := k.file.SyscallConn()
	if err != nil {
		return
	}
	var ready [256]syscall.EpollEvent
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(fd), ready[:], 0)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || n == 0 {
				return err != nil
			}
			events := make([]event, n)
			for i, e := range ready[:n] {
				events[i] = event{
					id:    uint64(uint32(e.Pad))<<32 | uint64(uint32(e.Fd)),
					input: e.Events&syscall.EPOLLIN != 0,
					left:  e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0,
				}
			}
			if !f(events) {
				return true
			}
		}
	})
}

func (k *epoll) stop() { _ = k.file.Close() }

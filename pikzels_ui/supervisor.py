"""Run several programs as one: start them, pass on what they say, restart them, stop them in order.

It is made for a worker that may wait for an answer that has been paid for: nothing is killed
unless a person says so twice. It knows nothing of Django.
"""

import errno
import fcntl
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

TETHER = Path(__file__).with_name("tethered.py")
READ_BYTES = 64 * 1024
LONGEST_LINE = 64 * 1024
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED_AT_ONCE = 128 + signal.SIGINT


class AlreadyRunningError(Exception):
    """Another process holds the lock; `pid` is what it wrote there."""

    def __init__(self, pid: str) -> None:
        super().__init__(f"Process {pid} holds the lock")
        self.pid = pid


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, with our process ID in it. Raises AlreadyRunningError.

    The kernel lets go of the lock with the process, however that ends: the file means nothing by
    itself and stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunningError(file.read().strip()) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def port_problem(host: str, port: int, *, host_name: str, port_name: str) -> str:
    """Return in plain words why nobody can listen there, or "" if one can.

    `host_name` and `port_name` are the settings a person would change.
    """
    if not 0 < port < 2**16:
        return f"{port_name}={port} is not a port. Choose one from 1 to 65535."
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            # As the servers do it: connections of a server that just stopped are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} is in use. Choose another with {port_name}={port + 10}."
        if error.errno == errno.EACCES:
            return f"Port {port} is reserved for root. Choose another with {port_name}=8000."
        return f"Cannot listen at {host} ({error.strerror}). Choose an address with {host_name}=…."
    return ""


def answers(host: str, port: int, path: str) -> bool:
    """Tell whether a GET of `path` is answered, with any status below 500, within a second."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        # Not `host`: it may be 0.0.0.0, which no server takes for its name.
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that runs `command` so that it gets SIGTERM when this process dies.

    Linux only; elsewhere `command` itself, which then outlives a supervisor that was killed.
    """
    if sys.platform != "linux":
        return [*command]
    return [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command]


def how_it_ended(code: int) -> str:
    """Put an exit code, as Popen gives it, into words."""
    if code < 0:
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"stopped with exit code {code}" if code else "stopped by itself"


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run. `outlives` names programs that must have ended before this is told to stop.

    `ready`, asked again and again after each start, says when to write `announcement`.
    """

    name: str
    command: Sequence[str]
    outlives: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    announcement: str = ""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How patient the supervisor is, in seconds.

    A program that ends waits `first_pause` before it starts again, twice as long each time up to
    `longest_pause`. One that has lived for `settled` begins anew; one that never did ends
    everything after `tries`.
    """

    first_pause: float = 0.5
    longest_pause: float = 30.0
    settled: float = 60.0
    tries: int = 5
    tick: float = 0.2
    # Some wrappers pass Ctrl-C on to a program that got it from the terminal already.
    same_press: float = 0.5


class Child:
    """A program's process, and its next ones."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at: float | None = 0.0
        self.started_at = 0.0
        self.deaths = 0
        self.has_settled = False
        self.announced = False
        self.told_to_stop = False
        self._unfinished_line = b""

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def running(self) -> bool:
        """Whether it has a process that has not been buried."""
        return self.process is not None

    def start(self) -> None:
        """Start the process: in a session of its own, out of reach of the terminal's Ctrl-C."""
        self.process = subprocess.Popen(
            tethered(self.program.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self.started_at = time.monotonic()
        self.start_at = None
        self.announced = False

    def output(self) -> int | None:
        """Return the file descriptor of what it says, while there is more to come."""
        stream = self.process and self.process.stdout
        return stream.fileno() if stream and not stream.closed else None

    def read_lines(self, *, last: bool = False) -> list[str]:
        """Return the whole lines it has said since, and with `last` also one begun; never waits."""
        if self.output() is None or not self.process or not self.process.stdout:
            return []
        data = self.process.stdout.read(READ_BYTES)
        if data == b"":
            self.process.stdout.close()
        *lines, rest = (self._unfinished_line + (data or b"")).split(b"\n")
        if rest and (last or data == b"" or len(rest) > LONGEST_LINE):
            lines, rest = [*lines, rest], b""
        self._unfinished_line = rest
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def ended(self) -> int | None:
        """Return the exit code as Popen gives it, or None while it runs."""
        return self.process.poll() if self.process else None

    def tell_to_stop(self) -> None:
        """Send SIGTERM, once."""
        if self.process and not self.told_to_stop:
            self.process.terminate()
            self.told_to_stop = True

    def bury(self) -> None:
        """Let go of a process that has ended, and stop what it may have left behind."""
        self.signal_group(signal.SIGTERM)
        if self.process and self.process.stdout:
            self.process.stdout.close()
        self.process = None
        self._unfinished_line = b""

    def count_death(self, pace: Pace) -> None:
        """Note that it has died: once more in a row, unless it had settled before."""
        if time.monotonic() - self.started_at >= pace.settled:
            self.has_settled = True
            self.deaths = 0
        self.deaths += 1

    def put_off(self, pace: Pace) -> float:
        """Set when it is to start again; return the seconds until then."""
        # Capped before it is a number too large for a float.
        doublings = min(self.deaths - 1, 16)
        pause = min(pace.first_pause * 2**doublings, pace.longest_pause)
        self.start_at = time.monotonic() + pause
        return pause

    def signal_group(self, number: int) -> None:
        """Signal the process and all that it has started, such as gunicorn's workers."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


class Supervisor:
    """Looks after programs until a signal asks it to stop.

    Single-threaded: the kernel takes the end of the *thread* that started a process for the end
    of its parent.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        write: Callable[[str], object],
        pace: Pace | None = None,
        quote: Callable[[str, str], str] | None = None,
    ) -> None:
        """`quote` makes what is written of a program's name and a line of it."""
        self.children = [Child(program) for program in programs]
        self.exit_code = 0
        self._write = write
        self._pace = pace or Pace()
        width = max(len(program.name) for program in programs)
        self._quoted = quote or (lambda name, line: f"{name:{width}} | {line}")
        self._asked_at: float | None = None
        self._at_once = False
        self._stopping = False

    def run(self) -> int:
        """Start the programs and stay until all have ended; return the exit code.

        0 after an ordinary stop, 1 when a program would not start, 130 after a second Ctrl-C.
        """
        with self._signals_noted():
            try:
                while not self._stopping or self._running():
                    self._turn()
            finally:
                # They run on here only if we failed. One may have a call under way: ask, not kill.
                for child in self._running():
                    child.tell_to_stop()
        self._say("Stopped.")
        return self.exit_code

    def note(self, number: int, _frame: FrameType | None = None) -> None:
        """Take in a signal: the first asks to stop, a Ctrl-C after it to stop at once.

        Other signals never mean "at once": a terminal that closes sends SIGHUP twice.
        """
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif number == signal.SIGINT and now - self._asked_at >= self._pace.same_press:
            self._at_once = True

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.note) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _turn(self) -> None:
        if self._asked_at is not None and not self._stopping:
            self._begin_to_stop("Stopping.")
        if self._stopping:
            self._stop_at_once() if self._at_once else self._stop_in_order()
        else:
            self._start_what_is_due()
            self._announce_the_ready()
        self._pass_on()
        self._bury_the_dead()

    def _running(self) -> list[Child]:
        return [child for child in self.children if child.running]

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.start_at is not None and child.start_at <= now:
                child.start()

    def _pass_on(self) -> None:
        outputs = {
            descriptor: child
            for child in self.children
            if (descriptor := child.output()) is not None
        }
        readable, _, _ = select.select([*outputs], [], [], self._pace.tick)
        for descriptor in readable:
            self._quote(outputs[descriptor])

    def _quote(self, child: Child, *, last: bool = False) -> None:
        for line in child.read_lines(last=last):
            self._say(self._quoted(child.name, line))

    def _say(self, line: str) -> None:
        # A terminal that was closed is no reason to leave a paid call alone.
        with suppress(OSError):
            self._write(line)

    def _bury_the_dead(self) -> None:
        for child in self._running():
            code = child.ended()
            if code is not None:
                # One read is all: a pipe holds no more.
                self._quote(child, last=True)
                child.bury()
                self._after_the_end_of(child, code)

    def _after_the_end_of(self, child: Child, code: int) -> None:
        if self._stopping:
            self._say(f"{child.name} has stopped.")
            return
        child.count_death(self._pace)
        happened = f"{child.name} {how_it_ended(code)}"
        if not child.has_settled and child.deaths >= self._pace.tries:
            self.exit_code = 1
            self._begin_to_stop(
                f"{happened}, {child.deaths} times while starting: its last words are above."
            )
            return
        pause = child.put_off(self._pace)
        self._say(f"{happened}. Starting it again in {pause:g} seconds.")

    def _announce_the_ready(self) -> None:
        for child in self._running():
            ready = child.program.ready
            if ready and not child.announced and ready():
                child.announced = True
                self._say(child.program.announcement)

    def _begin_to_stop(self, why: str) -> None:
        self._stopping = True
        self._asked_at = self._asked_at or time.monotonic()
        self._say(why)
        self._stop_in_order()
        names = " and ".join(child.name for child in self._running() if child.told_to_stop)
        if names:
            self._say(f"Waiting for {names} to finish what is under way.")
            self._say("Another Ctrl-C stops at once, and may lose an answer that was paid for.")

    def _stop_in_order(self) -> None:
        running = self._running()
        names = {child.name for child in running}
        for child in running:
            if names.isdisjoint(child.program.outlives):
                child.tell_to_stop()

    def _stop_at_once(self) -> None:
        self.exit_code = STOPPED_AT_ONCE
        for child in self._running():
            child.signal_group(signal.SIGKILL)

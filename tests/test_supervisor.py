"""The supervisor, with small programs that sleep, crash, dawdle and refuse to go."""

import contextlib
import os
import re
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType, SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.unreader import SocketUnreader

from pikzels_ui.supervisor import (
    STOPPED_AT_ONCE,
    TETHER,
    AlreadyRunningError,
    Child,
    Pace,
    Program,
    Supervisor,
    answers,
    how_it_ended,
    only_one,
    port_problem,
)

ROOT = Path(__file__).resolve().parent.parent
GENEROUS = 30
QUICK = Pace(first_pause=0.01, longest_pause=0.02, tick=0.02, same_press=0)
ONCE = Pace(first_pause=600, longest_pause=600, tick=0.02)
ONCE_MORE = "Starting it again in 600 seconds."

SLEEPER = "print('up'); import time; time.sleep(600)"
CRASHER = "print('no database', end=''); raise SystemExit(7)"
CRASHES_ONCE = f"""
import pathlib, sys
if not pathlib.Path(sys.argv[1]).exists():
    pathlib.Path(sys.argv[1]).touch()
    sys.exit(7)
{SLEEPER}
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print('not yet'))
print('up')
while True: time.sleep(600)
"""
# Ends after SIGTERM once there is a file, as a worker does when its answer has come.
BUSY = """
import pathlib, signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: (asked.append(1), print('finishing')))
print('up')
while not (asked and pathlib.Path(sys.argv[1]).exists()): time.sleep(0.01)
print('finished')
"""
TELLS_OF_CTRL_C = f"""
import signal
signal.signal(signal.SIGINT, lambda *_: print('interrupted'))
{SLEEPER}
"""
# Leaves a process behind when it is killed.
PARENT = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, '-ISc', 'import time; time.sleep(600)'])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
{SLEEPER}
"""
WSGI_APP = """
import os
print('serving', os.getpid(), flush=True)
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'']
"""


def program(name: str, code: str, *arguments: object, outlives: str = "") -> Program:
    command = [sys.executable, "-ISuc", code, *map(str, arguments)]
    return Program(name=name, command=command, outlives=(outlives,) if outlives else ())


class Run:
    """A run in this process: what is said is kept, and can trigger what happens next."""

    def __init__(self, *programs: Program, pace: Pace = QUICK) -> None:
        self.said: list[str] = []
        self.broken_terminal = False
        self.supervisor = Supervisor(programs, self.hear, pace)
        self._reactions: list[tuple[Callable[[], bool], Callable[[], object]]] = []

    def when(self, *lines: str, then: Callable[[], object], times: int = 1) -> None:
        """Do `then`, once, when each of the lines has been said so many times."""
        said = self.said
        self._reactions.append((lambda: all(said.count(line) >= times for line in lines), then))

    def hear(self, line: str) -> None:
        self.said.append(line)
        due = [reaction for reaction in self._reactions if reaction[0]()]
        for reaction in due:
            self._reactions.remove(reaction)
            reaction[1]()
        if self.broken_terminal:
            raise BrokenPipeError

    def stop(self) -> None:
        self.supervisor.note(signal.SIGTERM)

    def ctrl_c(self) -> None:
        self.supervisor.note(signal.SIGINT)

    def pid(self, name: str) -> int:
        child = next(child for child in self.supervisor.children if child.name == name)
        assert child.process
        return child.process.pid

    def order(self, *lines: str) -> bool:
        """Whether these lines were said, in this order."""
        return [line for line in self.said if line in lines] == [*lines]


@pytest.fixture(autouse=True)
def _no_run_is_endless_and_no_program_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("The supervisor did not come to an end")

    def remember(child: Child) -> None:
        started.append(child)
        start(child)

    started: list[Child] = []
    start = Child.start
    monkeypatch.setattr(Child, "start", remember)
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(2 * GENEROUS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    for child in started:
        child.signal_group(signal.SIGKILL)
        if child.process:
            child.process.wait(GENEROUS)
            child.bury()


def gone(pid: int) -> bool:
    """Whether the process has ended; one that only waits for its parent to notice has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def eventually(holds: Callable[[], object]) -> bool:
    deadline = time.monotonic() + GENEROUS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# What is said


def test_each_line_bears_the_name_of_the_program_that_said_it() -> None:
    run = Run(program("web", SLEEPER), program("worker", SLEEPER))
    run.when("web    | up", "worker | up", then=run.stop)
    assert run.supervisor.run() == 0


def test_last_words_without_a_line_end_are_passed_on() -> None:
    run = Run(program("web", CRASHER))
    run.when("web | no database", then=run.stop)
    assert run.supervisor.run() == 0


def test_bytes_that_are_not_text_do_no_harm() -> None:
    run = Run(program("web", rf"import os; os.write(1, b'caf\xe9\n'); {SLEEPER}"))
    run.when("web | caf\N{REPLACEMENT CHARACTER}", then=run.stop)
    assert run.supervisor.run() == 0


def test_a_program_that_closes_its_output_is_left_in_peace() -> None:
    quiet = "import os, time; os.close(1); os.close(2); time.sleep(600)"
    run = Run(program("web", quiet), program("worker", SLEEPER))
    run.when("worker | up", then=run.stop)
    assert run.supervisor.run() == 0
    assert not [line for line in run.said if "again in" in line]


def test_a_terminal_that_was_closed_is_no_reason_to_stop() -> None:
    run = Run(program("worker", SLEEPER))
    run.broken_terminal = True
    run.when("worker | up", then=run.stop)
    assert run.supervisor.run() == 0
    assert run.said[-1] == "Stopped."


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "stopped by itself"),
        (7, "stopped with exit code 7"),
        (-9, "was ended by signal 9 (Killed)"),
        (-35, "was ended by signal 35 (Real-time signal 1)"),
    ],
)
def test_an_exit_code_is_put_into_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_readiness_is_announced_when_it_is_there_and_again_after_a_restart() -> None:
    looks = iter([False, True, False, True])
    command = program("web", SLEEPER).command
    web = Program(name="web", command=command, ready=lambda: next(looks), announcement="Ready.")
    run = Run(web)
    run.when("Ready.", then=lambda: os.kill(run.pid("web"), signal.SIGKILL))
    run.when("Ready.", times=2, then=run.stop)
    assert run.supervisor.run() == 0
    assert next(looks, None) is None


# Restarts


def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    run = Run(program("web", CRASHES_ONCE, tmp_path / "crashed"))
    run.when("web | up", then=run.stop)
    assert run.supervisor.run() == 0
    assert "web stopped with exit code 7. Starting it again in 0.01 seconds." in run.said


def test_pauses_double_up_to_a_limit() -> None:
    child = Child(program("web", CRASHER))
    child.started_at = time.monotonic()
    pauses = []
    for _ in range(2000):
        child.count_death(Pace())
        pauses.append(child.put_off(Pace()))
    assert pauses[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pauses[-1] == 30


def test_a_program_that_has_settled_begins_with_short_pauses_again() -> None:
    child = Child(program("web", CRASHER))
    child.deaths = 6
    child.started_at = time.monotonic() - 61
    child.count_death(Pace())
    assert child.put_off(Pace()) == 0.5


def test_a_program_that_never_starts_ends_everything() -> None:
    run = Run(program("web", CRASHER), program("worker", SLEEPER))
    assert run.supervisor.run() == 1
    assert run.said.count("web    | no database") == 5
    assert run.order(
        "web stopped with exit code 7, 5 times while starting: its last words are above.",
        "worker has stopped.",
        "Stopped.",
    )


def test_a_program_that_has_worked_is_not_given_up() -> None:
    settled_at_once = Pace(first_pause=0.01, tick=0.02, settled=0)
    run = Run(program("web", CRASHER), pace=settled_at_once)
    run.when("web | no database", times=7, then=run.stop)
    assert run.supervisor.run() == 0


def test_what_a_dead_program_leaves_behind_is_stopped(tmp_path: Path) -> None:
    child = tmp_path / "child"
    run = Run(program("web", PARENT, child), pace=ONCE)
    run.when("web | up", then=lambda: os.kill(run.pid("web"), signal.SIGKILL))
    run.when(f"web was ended by signal 9 (Killed). {ONCE_MORE}", then=run.stop)
    assert run.supervisor.run() == 0
    assert eventually(lambda: gone(int(child.read_text())))


# Stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_the_handlers_are_put_back(number: int) -> None:
    before = signal.getsignal(number)
    run = Run(program("web", SLEEPER), program("worker", SLEEPER))
    run.when("web    | up", "worker | up", then=lambda: os.kill(os.getpid(), number))
    assert run.supervisor.run() == 0
    assert signal.getsignal(number) is before
    assert "Stopping." in run.said


def test_the_sandbox_outlives_the_worker_and_the_web_server_waits_for_nobody(
    tmp_path: Path,
) -> None:
    answer, now = tmp_path / "answer", tmp_path
    run = Run(
        program("sandbox", BUSY, now, outlives="worker"),
        program("web", BUSY, now),
        program("worker", BUSY, answer),
    )
    run.when("sandbox | up", "web     | up", "worker  | up", then=run.stop)
    run.when("web has stopped.", then=answer.touch)
    assert run.supervisor.run() == 0
    assert run.order(
        "Waiting for web and worker to finish what is under way.",
        "web has stopped.",
        "worker has stopped.",
        "sandbox | finishing",
        "sandbox has stopped.",
    )
    assert "worker  | finished" in run.said


def test_a_program_waiting_for_its_restart_is_not_started_while_stopping() -> None:
    run = Run(program("web", CRASHER), pace=ONCE)
    run.when(f"web stopped with exit code 7. {ONCE_MORE}", then=run.stop)
    assert run.supervisor.run() == 0
    assert run.said[-2:] == ["Stopping.", "Stopped."]


def test_another_ctrl_c_stops_the_stubborn() -> None:
    run = Run(program("worker", STUBBORN), program("sandbox", STUBBORN, outlives="worker"))
    run.when("worker  | up", "sandbox | up", then=run.ctrl_c)
    run.when("worker  | not yet", then=run.ctrl_c)
    assert run.supervisor.run() == STOPPED_AT_ONCE
    assert "sandbox | not yet" not in run.said
    assert run.order("worker has stopped.", "Stopped.")


def test_one_press_of_ctrl_c_that_comes_twice_is_one(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    run = Run(program("worker", BUSY, answer), pace=Pace(tick=0.02, same_press=600))

    def the_same_press() -> None:
        run.ctrl_c()
        answer.touch()

    run.when("worker | up", then=run.ctrl_c)
    run.when("worker | finishing", then=the_same_press)
    assert run.supervisor.run() == 0
    assert "worker | finished" in run.said


def test_other_signals_never_stop_at_once(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    run = Run(program("worker", BUSY, answer))

    def insist() -> None:
        run.supervisor.note(signal.SIGTERM)
        run.supervisor.note(signal.SIGHUP)
        answer.touch()

    run.when("worker | up", then=run.stop)
    run.when("worker | finishing", then=insist)
    assert run.supervisor.run() == 0
    assert "worker | finished" in run.said


def test_a_supervisor_that_fails_asks_its_programs_to_stop() -> None:
    def fail() -> bool:
        pids.append(run.pid("web"))
        raise RuntimeError("a bug")

    pids: list[int] = []
    run = Run(Program(name="web", command=program("web", SLEEPER).command, ready=fail))
    with pytest.raises(RuntimeError, match="a bug"):
        run.supervisor.run()
    process = run.supervisor.children[0].process
    assert process
    assert process.wait(GENEROUS) == -signal.SIGTERM


# A supervisor in a process of its own

SUPERVISE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pikzels_ui.supervisor import Program, Supervisor
programs = [Program(name=str(i), command=eval(text)) for i, text in enumerate(sys.argv[1:])]
sys.exit(Supervisor(programs, lambda line: print(line, flush=True)).run())
"""


@contextlib.contextmanager
def supervised(output: Path, *programs: Program) -> Iterator[subprocess.Popen[bytes]]:
    """Run a supervisor as a process, in a process group as a terminal would give it."""
    commands = [repr([*each.command]) for each in programs]
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, *commands], stdout=file, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(GENEROUS)


def numbers_after(word: str, output: Path) -> list[int]:
    return [int(found) for found in re.findall(rf"{word} (\d+)", output.read_text())]


TELLS_ITS_PID = f"import os; print('pid', os.getpid()); {SLEEPER}"


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with supervised(output, program("0", TELLS_OF_CTRL_C)) as process:
        assert eventually(lambda: "0 | up" in output.read_text())
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(GENEROUS) == 0
    assert "interrupted" not in output.read_text()


def test_kill_9_of_the_supervisor_leaves_nobody_behind(tmp_path: Path) -> None:
    (tmp_path / "wsgi_app.py").write_text(WSGI_APP)
    output = tmp_path / "output"
    gunicorn = ["-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    where = ["--chdir", str(tmp_path), "--bind", "127.0.0.1:0", "wsgi_app"]
    web = Program(name="web", command=[sys.executable, *gunicorn, *where])
    with supervised(output, web, program("worker", TELLS_ITS_PID)) as process:
        assert eventually(lambda: len(numbers_after("serving", output)) == 2)
        assert eventually(lambda: numbers_after("pid", output))
        process.kill()
    for pid in numbers_after("serving", output) + numbers_after("pid", output):
        assert eventually(partial(gone, pid))


def test_a_program_whose_supervisor_has_gone_does_not_start(tmp_path: Path) -> None:
    never = tmp_path / "started"
    command = [sys.executable, "-c", f"open({str(never)!r}, 'w')"]
    somebody_else = str(os.getppid())
    result = subprocess.run(
        [sys.executable, str(TETHER), somebody_else, *command], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert f"{somebody_else}, has gone" in result.stderr
    assert not never.exists()


# One at a time


def test_a_second_run_learns_who_holds_the_lock(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "data" / "run.lock"),
        pytest.raises(AlreadyRunningError) as refused,
        only_one(tmp_path / "data" / "run.lock"),
    ):
        pytest.fail("Two hold one lock")
    assert refused.value.pid == str(os.getpid())


def test_a_lock_file_left_behind_locks_nobody_out(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    lock.write_text("999999999\n")
    with only_one(lock):
        assert lock.read_text() == f"{os.getpid()}\n"


def test_programs_do_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    child = Child(program("worker", SLEEPER))
    with only_one(lock):
        child.start()
    assert child.ended() is None
    with only_one(lock):
        assert lock.read_text() == f"{os.getpid()}\n"


# Ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_in_use_is_named_with_the_setting_that_moves_it(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    problem = port_problem("127.0.0.1", port, host_name="BIND", port_name="PORT")
    assert problem == f"Port {port} is in use. Choose another with PORT={port + 10}."


def test_a_port_is_free_as_soon_as_its_server_has_gone(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        # Closed by the server first: the connection lingers, which is no obstacle.
        listener.accept()[0].close()
    listener.close()
    assert port_problem("127.0.0.1", port, host_name="BIND", port_name="PORT") == ""


def test_an_address_of_another_machine_is_told() -> None:
    problem = port_problem("203.0.113.1", 8000, host_name="BIND", port_name="PORT")
    assert "203.0.113.1" in problem
    assert "BIND" in problem


def test_a_number_that_is_no_port_is_told() -> None:
    problem = port_problem("127.0.0.1", 70000, host_name="BIND", port_name="PORT")
    assert problem == "PORT=70000 is not a port. Choose one from 1 to 65535."


@pytest.mark.parametrize(("status", "up"), [(200, True), (404, True), (503, False)])
def test_a_server_is_up_when_it_answers_without_an_error_of_its_own(status: int, up: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert answers("127.0.0.1", server.server_port, "/healthz") is up
        thread.join()


def test_a_server_that_is_not_there_is_not_up(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert answers("127.0.0.1", port, "/healthz") is False


# gunicorn's settings


@pytest.fixture
def gunicorn_conf(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    # Also puts back what the file sets, and fails when gunicorn no longer has it.
    monkeypatch.setattr(SocketUnreader, "max_body_chunk", SocketUnreader.max_body_chunk)
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


def test_gunicorn_reads_uploads_in_chunks_of_64_kib(gunicorn_conf: dict[str, object]) -> None:
    assert SocketUnreader.max_body_chunk == 64 * 1024


def test_gunicorn_knows_each_of_our_settings(gunicorn_conf: dict[str, object]) -> None:
    ours = {name for name in gunicorn_conf if name in Config().settings}
    assert ours == {
        "workers", "threads", "worker_class", "timeout", "graceful_timeout", "keepalive",
        "worker_tmp_dir", "control_socket_disable", "preload_app", "accesslog", "errorlog",
        "loglevel", "when_ready", "on_starting", "on_reload",
    }  # fmt: skip


def test_connections_inherit_a_limit_on_stalled_reads_and_writes(
    gunicorn_conf: dict[str, object], listener: socket.socket
) -> None:
    when_ready = gunicorn_conf["when_ready"]
    assert callable(when_ready)
    when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            seconds, _ = struct.unpack("ll", connection.getsockopt(socket.SOL_SOCKET, option, 16))
            assert seconds == gunicorn_conf["STALLED_SECONDS"]

"""Fixtures that tests of several packages share: a private PostgreSQL, the real extract."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

# before numpy is imported: the suite runs on both cores already, through processes
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pytest  # noqa: E402  # numpy may come with it

_EXTRACT = "ar_extract_2019H1.csv"
_SAMPLE = "late_payment_demo.csv"


def _unavailable(reason: str) -> None:
    """Skips the test on a developer's machine; in CI everything that a test needs is there, or the run fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _data(name: str) -> Path:
    folder = os.environ.get("OTCRISK_DATA") or Path(__file__).parent.parent.parent / "shared" / "data"
    path = Path(folder) / name
    if not path.exists():
        _unavailable(f"{name} is not in {folder}; OTCRISK_DATA names its folder")
    return path


@pytest.fixture(scope="session", autouse=True)
def _signing_key_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A key pair for every artefact of the session, wherever OTCRISK_HOME points; processes that tests start see it."""
    from receivables.signature import SIGNING, SIGNING_FILE, TRUSTED, TRUSTED_FILE, make_pair

    folder = tmp_path_factory.mktemp("keys")
    make_pair(folder)
    os.environ[SIGNING], os.environ[TRUSTED] = str(folder / SIGNING_FILE), str(folder / TRUSTED_FILE)


@pytest.fixture(scope="session")
def extract_path() -> Path:
    """The real receivables extract, which is not part of the repository."""
    return _data(_EXTRACT)


@pytest.fixture(scope="session")
def sample_path() -> Path:
    """The IBM sample, which is not part of the repository."""
    return _data(_SAMPLE)


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


def _as_postgres(command: list[str]) -> None:
    """PostgreSQL refuses to run as root, so root hands over to the account of the system's package."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, cwd="/", timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server's own database: OTCRISK_TEST_PG_URL, or one started on a socket in a temp folder."""
    given = os.environ.get("OTCRISK_TEST_PG_URL")
    if given:
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        _unavailable("no PostgreSQL binaries; install postgresql or set OTCRISK_TEST_PG_URL")
        return
    folder = Path(tempfile.mkdtemp(prefix="otcrisk-pg-"))  # not under tmp_path: that is closed to other accounts
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    try:
        yield from _started(binaries, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(binaries: Path, folder: Path) -> Iterator[str]:
    data, log = str(folder / "data"), str(folder / "log")
    _as_postgres([str(binaries / "initdb"), "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"])
    options = f"-c listen_addresses='' -k {folder} -c fsync=off -c shared_buffers=32MB -c max_connections=30"
    control = [str(binaries / "pg_ctl"), "-D", data, "-w"]
    _as_postgres([*control, "-l", log, "-o", options, "start"])
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        _as_postgres([*control, "-m", "immediate", "stop"])


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database of its own for the test, dropped afterwards."""
    import sqlalchemy as sa

    name = f"ledger_{os.getpid()}_{os.urandom(4).hex()}"
    server = sa.make_url(postgres_server).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Path of a SQLite ledger that does not exist yet."""
    return str(tmp_path / "ledger.sqlite")


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """A place for a ledger, once in each database."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(autouse=True)
def _no_tracking_address_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    # MLflow keeps the address last set in the environment, where processes that a test starts would find it
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)

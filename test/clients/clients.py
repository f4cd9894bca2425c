"""The clients: what each speaks, how it is installed, how it is run. Nothing is installed twice, nothing outside
.tidegate/clients; a client whose toolchain is not on this machine is skipped and says so."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INSTALLED = ROOT / ".tidegate/clients"
AWS = ("bedrock-runtime", "bedrock", "sts", "cloudtrail")


class Missing(Exception):
    """Why a client cannot run on this machine."""


@dataclass(frozen=True)
class Client:
    name: str
    title: str
    speaks: tuple[str, ...]  # APIs
    kind: type  # how it is installed and started
    source: str  # its folder here
    program: tuple[str, ...]
    version_of: str  # the package whose pinned version is told
    transport: str
    dialect: str = ""  # whose errors it shows, where its API's own are not what arrives
    quick: bool = False  # part of ./do test; the rest runs in CI


def run(command: list[str], folder: pathlib.Path, **options) -> None:
    # Stands back behind whatever else builds or serves on the machine.
    done = subprocess.run(["nice", "-n", "15", *command], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} failed in {folder}:\n{(done.stdout + done.stderr)[-3000:]}")


def need(tool: str, *elsewhere: pathlib.Path) -> str:
    for candidate in (shutil.which(tool), *elsewhere):
        if candidate and pathlib.Path(candidate).exists():
            return str(candidate)
    raise Missing(f"{tool} is not installed on this machine")


class Kind:
    """A toolchain: `prepare` installs and builds once for each state of the client's files."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.source = HERE / client.source
        self.home = INSTALLED / client.source

    def inputs(self) -> list[pathlib.Path]:
        raise NotImplementedError

    def install(self) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def toolchain(self) -> None:
        """Raises Missing."""

    def prepare(self) -> None:
        self.toolchain()
        digest = hashlib.sha256()
        for path in sorted(self.inputs()):
            digest.update(path.name.encode() + path.read_bytes())
        stamp = self.home / ".installed"
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        print(f"==> installing {self.client.title}", file=sys.stderr, flush=True)
        self.home.mkdir(parents=True, exist_ok=True)
        self.install()
        stamp.write_text(digest.hexdigest())

    def environment(self) -> dict[str, str]:
        return {}


class SamePython(Kind):
    """The virtual environment that runs this: boto3 and the AWS CLI are in its lock file already."""

    def prepare(self) -> None:
        pass

    def command(self) -> list[str]:
        return [sys.executable, str(HERE / self.client.program[0]), *self.client.program[1:]]

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(HERE)}


class OwnPython(SamePython):
    def prepare(self) -> None:
        Kind.prepare(self)

    def inputs(self) -> list[pathlib.Path]:
        return [self.source / "requirements.txt"]

    def install(self) -> None:
        run([sys.executable, "-m", "venv", "--clear", str(self.home)], ROOT)
        run([str(self.home / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "-r", str(self.source / "requirements.txt")], ROOT)

    def command(self) -> list[str]:
        return [str(self.home / "bin/python"), *super().command()[1:]]


class Node(Kind):
    def toolchain(self) -> None:
        need("node"), need("npm")

    def inputs(self) -> list[pathlib.Path]:
        return [*self.source.glob("*.json"), *self.source.glob("*.mjs")]

    def install(self) -> None:
        for path in self.inputs():
            shutil.copy(path, self.home)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], self.home)

    def command(self) -> list[str]:
        return ["node", str(self.home / self.client.program[0]), *self.client.program[1:]]


class Go(Kind):
    def toolchain(self) -> None:
        self.go = need("go", pathlib.Path("/usr/local/go/bin/go"))

    def inputs(self) -> list[pathlib.Path]:
        return [*self.source.glob("go.*"), *self.source.glob("*.go")]

    def install(self) -> None:
        run([self.go, "build", "-mod=readonly", "-p", "1", "-o", str(self.home / "client"), "."], self.source,
            env={**os.environ, "GOTOOLCHAIN": "local"})

    def command(self) -> list[str]:
        return [str(self.home / "client"), *self.client.program]


class Java(Kind):
    def toolchain(self) -> None:
        need("java"), need("javac")
        self.maven = need("mvn")

    def inputs(self) -> list[pathlib.Path]:
        return [self.source / "pom.xml", *self.source.rglob("*.java")]

    def install(self) -> None:
        run([self.maven, "--batch-mode", "--quiet", "-f", str(self.source / "pom.xml"), f"-DbuildFolder={self.home}",
             "package"], self.source)

    def command(self) -> list[str]:
        return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                f"{self.home}/client.jar:{self.home}/lib/*",
                *self.client.program]


class Rust(Kind):
    def toolchain(self) -> None:
        self.cargo = need("cargo", pathlib.Path.home() / ".cargo/bin/cargo")

    def inputs(self) -> list[pathlib.Path]:
        return [*self.source.glob("Cargo.*"), *self.source.rglob("*.rs")]

    def install(self) -> None:
        run([self.cargo, "build", "--locked", "--quiet", "--jobs", "1", "--target-dir", str(self.home)], self.source)

    def command(self) -> list[str]:
        return [str(self.home / "debug/client")]


PROGRAM = "python/{}.py".format
CLIENTS = (
    Client("boto3", "boto3", AWS, SamePython, "python", (PROGRAM("boto3_client"),), "boto3", "HTTP/1.1", quick=True),
    Client("aws-cli", "AWS CLI", AWS, SamePython, "python", (PROGRAM("aws_cli"),), "awscli", "HTTP/1.1", quick=True),
    Client("js", "AWS SDK for JavaScript v3", AWS, Node, "js", ("aws.mjs",), "@aws-sdk/client-bedrock-runtime",
           "HTTP/2, prior knowledge", quick=True),
    Client("js-http1", "AWS SDK for JavaScript v3, NodeHttpHandler", AWS, Node, "js", ("aws.mjs", "http1"),
           "@aws-sdk/client-bedrock-runtime", "HTTP/1.1", quick=True),
    Client("openai", "OpenAI Python", ("openai",), OwnPython, "openai", (PROGRAM("openai_client"),), "openai",
           "HTTP/1.1",
           quick=True),
    Client("anthropic", "Anthropic Python", ("anthropic",), OwnPython, "anthropic",
           (PROGRAM("anthropic_client"), "plain"),
           "anthropic", "HTTP/1.1", quick=True),
    Client("anthropic-bedrock", "Anthropic Python, AnthropicBedrock", ("anthropic",), OwnPython, "anthropic",
           (PROGRAM("anthropic_client"), "bedrock"), "anthropic", "HTTP/1.1", dialect="bedrock", quick=True),
    Client("anthropic-bedrock-js", "Anthropic TypeScript, bedrock-sdk", ("anthropic",), Node, "js",
           ("anthropic_bedrock.mjs",), "@anthropic-ai/bedrock-sdk", "HTTP/1.1", dialect="bedrock", quick=True),
    Client("go", "AWS SDK for Go v2", AWS, Go, "go", (), "bedrockruntime", "HTTP/1.1; HTTP/2 over TLS"),
    Client("java", "AWS SDK for Java v2, sync", AWS, Java, "java", ("Main", "sync"), "software.amazon.awssdk",
           "HTTP/1.1"),
    Client("java-netty", "AWS SDK for Java v2, async (Netty)", AWS, Java, "java", ("Main", "async"),
           "software.amazon.awssdk", "HTTP/2, prior knowledge"),
    Client("rust", "AWS SDK for Rust", AWS, Rust, "rust", (), "aws-sdk-bedrockruntime", "HTTP/1.1"),
    Client("langchain-aws", "LangChain on AWS", ("bedrock-runtime",), OwnPython, "langchain",
           (PROGRAM("langchain_client"),), "langchain-aws", "HTTP/1.1", dialect="langchain"),
)

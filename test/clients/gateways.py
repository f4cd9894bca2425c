"""The gateways under test: the demo (four Regions, a real model) and one more whose model server is scripted."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

from case import EMBED_MODEL, NOVA_MODEL, SONNET_MODEL
from clients import HERE
from support.deployment import BINARY, LONDON, MILAN, REAL_MODEL, Deployment, eventually
from support.single import Single

ACCOUNT = "111122223333"
ALLOWED, NOBODY = f"arn:aws:iam::{ACCOUNT}:user/allowed", f"arn:aws:iam::{ACCOUNT}:user/nobody"
ALLOWED_KEY = ("AKIACLIENTSALLOWED01", "a-secret-that-guards-nothing-1")
NOBODY_KEY = ("AKIACLIENTSNOBODY001", "a-secret-that-guards-nothing-2")
CONFIG = """\
region: {region}
operator_domain: example.internal
state_dir: state
listen: {{api: "127.0.0.1:{api}"}}
backends: [{{name: scripted, url: "http://127.0.0.1:{model}", slots: 16}}]
models:
"""
MODEL = """\
  - {{id: '{}', backend: scripted, served_as: scripted, name: scripted,
      additional_fields: [/inferenceConfig/topK, /top_k]}}
"""
DOCUMENTS = f"""\
policies:
  - name: everything
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]}}
principals:
  - {{arn: "{ALLOWED}", policies: [everything]}}
  - {{arn: "{NOBODY}"}}
keys:
  - {{id: {ALLOWED_KEY[0]}, secret: {ALLOWED_KEY[1]}, principal: "{ALLOWED}"}}
  - {{id: {NOBODY_KEY[0]}, secret: {NOBODY_KEY[1]}, principal: "{NOBODY}"}}
"""
EXPIRED_KEY = "tgk_that_ended_long_ago"
EXPIRED = """\
api_keys:
  - {{sha256: {}, principal: "arn:aws:iam::111122223333:user/demo", expires: 2020-01-01T00:00:00Z}}
"""


class ScriptedGateway(Single):
    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder)
        models = (NOVA_MODEL, SONNET_MODEL, EMBED_MODEL)
        self.config.write_text(CONFIG.format(region=MILAN, api=self.api, model=self.model) +
                               "".join(MODEL.format(model) for model in models))

    def start_model(self) -> None:
        self.start(sys.executable, str(HERE / "backend.py"), "--port", str(self.model))

    def begin(self) -> None:
        self.start_model()
        self.serve()
        done = self.apply(DOCUMENTS)
        if done.returncode != 0:
            raise RuntimeError(f"the scripted gateway takes no documents: {done.stdout}{done.stderr}")
        eventually(lambda: self.health() == 200, 20)


class Gateways:
    """Starts both, and knows the end point that a case names."""

    def __init__(self) -> None:
        self.demo = Deployment(REAL_MODEL)
        folder = self.demo.folder / "scripted"
        folder.mkdir()
        self.scripted = ScriptedGateway(folder)

    def start(self) -> None:
        self.demo.start()
        self.scripted.begin()
        sts = self.demo.client("sts")
        self.demo_account = sts.get_caller_identity()["Account"]
        self.demo_api_key = self.demo.environment["api_key"]
        self.scripted_api_key = self.create_api_key()
        self.expire_api_key()
        self.warm()

    def create_api_key(self) -> str:
        """An API key of the scripted gateway; the demo makes its own and tells it in env.json."""
        done = subprocess.run([str(BINARY), "keys", "create", "--principal", ALLOWED, "--socket",
                               self.scripted.region.admin_socket, "-o", "json"],
                              capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise RuntimeError(f"no API key was made: {done.stderr}")
        return json.loads(done.stdout)["key"]

    def expire_api_key(self) -> None:
        """Milan knows EXPIRED_KEY, as one that ended long ago."""
        documents = self.demo.folder / "expired.yaml"
        documents.write_text(EXPIRED.format(hashlib.sha256(EXPIRED_KEY.encode()).hexdigest()))
        done = self.demo.tidegate("apply", "-f", str(documents), "--socket", self.demo.region().admin_socket)
        if done.returncode != 0:
            raise RuntimeError(f"the demo takes no documents: {done.stderr}")

    def warm(self) -> None:
        """The links of the global row are dialled after the grant; the first answer of a real model is slow."""
        bedrock = self.demo.client("bedrock-runtime")
        bedrock.converse(modelId=f"eu.{NOVA_MODEL}", messages=[{"role": "user", "content": [{"text": "Hi"}]}],
                         inferenceConfig={"maxTokens": 1})

    def endpoint(self, case) -> dict:
        scripted = case.gateway.startswith("scripted")
        tls = case.gateway.endswith("-tls")
        region = MILAN if scripted else {"milan": MILAN, "london": LONDON}[case.gateway.split("-")[0]]
        place = self.scripted.region if scripted else self.demo.region(region)
        key = self.key(case.caller, scripted)
        out = {"url": place.tls_url if tls else place.url, "region": region, "access_key_id": key[0],
               "secret_access_key": key[1], "ca": place.ca if tls else "", "bearer": self.bearer(case, scripted)}
        if case.gateway.endswith("-openai"):
            out["openai_path"] = "/openai/v1"
        return out

    def key(self, caller: str, scripted: bool) -> tuple[str, str]:
        own = ALLOWED_KEY if scripted else self.demo.key()
        return {"demo": own, "bearer": own, "unknown-bearer": own, "expired-bearer": own, "nobody": NOBODY_KEY,
                "global": self.demo.key("global"), "wrong-secret": (own[0], "not-the-secret-of-this-key"),
                "unknown-key": ("AKIAUNKNOWNUNKNOWN00", "a-secret-of-nobody")}[caller]

    def bearer(self, case, scripted: bool) -> str:
        """OpenAI's and Anthropic's own clients always send one, AWS's only where a case asks for it."""
        if case.api not in ("openai", "anthropic") and not case.caller.endswith("bearer"):
            return ""
        if case.caller == "expired-bearer":
            return EXPIRED_KEY
        if case.caller in ("unknown-bearer", "wrong-secret"):
            return "not-a-key-of-this-gateway"
        return self.scripted_api_key if scripted else self.demo_api_key

    def account(self, case) -> str:
        return ACCOUNT if case.gateway.startswith("scripted") else self.demo_account

    def stop(self, keep: bool) -> None:
        self.scripted.end()
        if self.demo.process:
            self.demo.stop()
        if keep:
            print(f"state and logs: {self.demo.folder}")
        else:
            shutil.rmtree(self.demo.folder, ignore_errors=True)

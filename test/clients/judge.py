"""Says whether what a client saw is what a case expects.

A client program asserts nothing: it prints an observation, {"answer"} or {"events"} or {"error"} in the API's own
member names. Streams are folded here into the unary answer that they stand for (which checks the order of their
events), so that one expectation serves both.
"""

import json
import re

AWS_APIS = ("bedrock-runtime", "bedrock", "sts", "cloudtrail")


class Wrong(Exception):
    """The reason why an observation is not what was expected."""


# --- matchers: an expected value is one of these, or a literal --------------------------------------------------------

class Matcher:
    def __init__(self, words: str, check) -> None:
        self.words, self.check = words, check

    def __repr__(self) -> str:
        return self.words


def like(pattern: str) -> Matcher:
    return Matcher(f"text like {pattern!r}", lambda value: isinstance(value, str) and re.search(pattern, value, re.S))


def at_least(least: float) -> Matcher:
    return Matcher(f"a number of at least {least}", lambda value: isinstance(value, (int, float)) and value >= least)


def containing(**members) -> Matcher:
    """A list with an element that has these members."""
    return Matcher(f"a list with an element that has {members}", lambda value: isinstance(value, list) and any(
        all(element.get(key) == wanted for key, wanted in members.items()) for element in value))


def of_length(least: int, most: int | None = None) -> Matcher:
    return Matcher(f"{least}..{most or ''} elements", lambda value: isinstance(value, (list, str))
                   and least <= len(value) <= (most if most is not None else len(value)))


def near(number: float) -> Matcher:
    return Matcher(f"about {number}", lambda value: isinstance(value, (int, float)) and abs(value - number) < 1e-6)


absent = Matcher("nothing", lambda value: value is None)
present = Matcher("something", lambda value: value not in (None, "", [], {}))


def at(document, path: str):
    """The member at a dotted path, None where there is none."""
    for step in path.split(".") if path else []:
        if isinstance(document, list) and step.lstrip("-").isdigit():
            document = document[int(step)] if -len(document) <= int(step) < len(document) else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
    return document


def check_members(document, expected: dict, what: str) -> None:
    for path, wanted in expected.items():
        value = at(document, path)
        good = wanted.check(value) if isinstance(wanted, Matcher) else value == wanted
        if not good:
            shown = json.dumps(value, ensure_ascii=False, default=str)[:160]
            raise Wrong(f"{what} {path}: expected {wanted!r}, got {shown}")


# --- streams ----------------------------------------------------------------------------------------------------------

def expect_kind(condition: bool, words: str) -> None:
    if not condition:
        raise Wrong(words)


class ConverseFold:
    """Events of ConverseStream, and the chunks of Nova's InvokeModelWithResponseStream, which are the same."""

    def __init__(self) -> None:
        self.role, self.blocks, self.open = None, [], None
        self.stop: dict | None = None
        self.metadata: dict | None = None

    def take(self, event: dict) -> None:
        event = {key: value for key, value in event.items() if value is not None and key != "p"}
        kinds = [key for key in event if not key.startswith("amazon-bedrock-")]
        expect_kind(len(kinds) == 1, f"an event with the members {sorted(event)}")
        kind, body = kinds[0], event[kinds[0]]
        expect_kind(self.metadata is None, f"{kind} after metadata")
        getattr(self, f"on_{kind}", self.on_unknown)(body)

    def on_unknown(self, body: dict) -> None:
        raise Wrong(f"an event that is not known: {body}")

    def on_messageStart(self, body: dict) -> None:
        expect_kind(self.role is None, "a second messageStart")
        self.role = body["role"]

    def on_contentBlockStart(self, body: dict) -> None:
        self.begin(body["contentBlockIndex"])
        start = {key: value for key, value in body["start"].items() if value is not None}
        expect_kind(list(start) == ["toolUse"], f"contentBlockStart of {sorted(start)}")
        self.blocks[-1] = {"toolUse": {**start["toolUse"], "input": ""}}

    def begin(self, index: int) -> None:
        expect_kind(self.role is not None, "a content block before messageStart")
        expect_kind(self.open is None and index == len(self.blocks), f"block {index} begins after {len(self.blocks)}")
        self.open = index
        self.blocks.append({})

    def on_contentBlockDelta(self, body: dict) -> None:
        index = body["contentBlockIndex"]
        if self.open is None:
            self.begin(index)
        expect_kind(index == self.open, f"a delta of block {index} inside block {self.open}")
        (kind, delta), = ((key, value) for key, value in body["delta"].items() if value is not None)
        block = self.blocks[-1]
        if kind == "text":
            block["text"] = block.get("text", "") + delta
        elif kind == "toolUse":
            block["toolUse"]["input"] += delta["input"]
        elif kind == "reasoningContent":
            whole = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
            whole["text"] += delta.get("text") or ""
            if delta.get("signature"):
                whole["signature"] = delta["signature"]
        else:
            raise Wrong(f"a delta of the kind {kind}")

    def on_contentBlockStop(self, body: dict) -> None:
        expect_kind(body["contentBlockIndex"] == self.open, f"the end of block {body['contentBlockIndex']}")
        self.open = None
        if "toolUse" in (block := self.blocks[-1]):
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")

    def on_messageStop(self, body: dict) -> None:
        expect_kind(self.open is None, "messageStop inside a content block")
        self.stop = body

    def on_metadata(self, body: dict) -> None:
        expect_kind(self.stop is not None, "metadata before messageStop")
        self.metadata = body

    def answer(self) -> dict:
        expect_kind(self.metadata is not None, "the stream ended without metadata")
        return {"output": {"message": {"role": self.role, "content": self.blocks}}, **self.stop, **self.metadata}


class MessagesFold:
    """Anthropic's stream events."""

    def __init__(self) -> None:
        self.message: dict | None = None
        self.open, self.ended = None, False

    def take(self, event: dict) -> None:
        expect_kind(not self.ended, f"{event.get('type')} after message_stop")
        getattr(self, f"on_{event.get('type')}", self.on_unknown)(event)

    def on_unknown(self, event: dict) -> None:
        raise Wrong(f"an event that is not known: {event}")

    def on_ping(self, event: dict) -> None:
        pass

    def on_message_start(self, event: dict) -> None:
        expect_kind(self.message is None, "a second message_start")
        self.message = json.loads(json.dumps(event["message"]))

    def on_content_block_start(self, event: dict) -> None:
        expect_kind(self.open is None and event["index"] == len(self.message["content"]),
                    f"block {event['index']} begins after {len(self.message['content'])}")
        self.open = event["index"]
        block = dict(event["content_block"])
        if block["type"] == "tool_use":
            block["input"] = ""
        self.message["content"].append(block)

    def on_content_block_delta(self, event: dict) -> None:
        expect_kind(event["index"] == self.open, f"a delta of block {event['index']} inside block {self.open}")
        delta, block = event["delta"], self.message["content"][-1]
        member, piece = {"text_delta": ("text", "text"), "input_json_delta": ("input", "partial_json"),
                         "thinking_delta": ("thinking", "thinking"),
                         "signature_delta": ("signature", "signature")}[delta["type"]]
        block[member] = (block.get(member) or "") + delta[piece]

    def on_content_block_stop(self, event: dict) -> None:
        expect_kind(event["index"] == self.open, f"the end of block {event['index']}")
        self.open = None
        if (block := self.message["content"][-1])["type"] == "tool_use":
            block["input"] = json.loads(block["input"] or "{}")

    def on_message_delta(self, event: dict) -> None:
        expect_kind(self.open is None, "message_delta inside a content block")
        self.message.update({key: value for key, value in event["delta"].items() if value is not None})
        self.message["usage"] = {**self.message["usage"],
                                 **{key: value for key, value in event["usage"].items() if value is not None}}

    def on_message_stop(self, event: dict) -> None:
        expect_kind(self.message.get("stop_reason"), "message_stop without a stop_reason")
        self.ended = True

    def answer(self) -> dict:
        expect_kind(self.ended, "the stream ended without message_stop")
        return self.message


class ChatFold:
    """Chunks of OpenAI's chat completions."""

    def __init__(self) -> None:
        self.message: dict = {"content": "", "tool_calls": []}
        self.finish, self.head, self.usage = None, {}, None

    def take(self, chunk: dict) -> None:
        expect_kind(chunk.get("object") == "chat.completion.chunk", f"an object {chunk.get('object')}")
        self.head = {key: chunk[key] for key in ("id", "model")}
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk["choices"]:
            expect_kind(self.finish is None, "a choice after finish_reason")
            delta = choice["delta"]
            self.message["role"] = delta.get("role") or self.message.get("role")
            for member in ("content", "reasoning_content"):
                if delta.get(member):
                    self.message[member] = self.message.get(member, "") + delta[member]
            for call in delta.get("tool_calls") or []:
                self.tool_call(call)
            self.finish = choice.get("finish_reason")

    def tool_call(self, call: dict) -> None:
        calls = self.message["tool_calls"]
        if call["index"] == len(calls):
            calls.append({"id": call["id"], "type": call.get("type"),
                          "function": {"name": call["function"]["name"], "arguments": ""}})
        calls[call["index"]]["function"]["arguments"] += call["function"].get("arguments") or ""

    def answer(self) -> dict:
        expect_kind(self.finish is not None, "the stream ended without a finish_reason")
        usage = {"usage": self.usage} if self.usage else {}
        return {**self.head, "object": "chat.completion", **usage,
                "choices": [{"index": 0, "message": self.message, "finish_reason": self.finish}]}


FOLDS = {"converse": ConverseFold, "nova": ConverseFold, "messages": MessagesFold, "chat": ChatFold}


def folded(family: str, events: list[dict]) -> dict:
    fold = FOLDS[family]()
    for event in events:
        if "chunk" in event:  # InvokeModelWithResponseStream
            event = json.loads(event["chunk"]["bytes"])
        fold.take(event)
    return fold.answer()


def text_of(family: str, answer: dict) -> str:
    if family in ("converse", "nova"):
        return "".join(block.get("text") or "" for block in at(answer, "output.message.content") or [])
    if family == "messages":
        return "".join(block.get("text") or "" for block in answer.get("content") or [])
    return at(answer, "choices.0.message.content") or ""


# --- the verdict ------------------------------------------------------------------------------------------------------

def upper_first(name: str) -> str:
    return name[:1].upper() + name[1:]


NOT_OFFERED = "is not offered by tidegate"


def check_error(expected: dict, error: dict, what: str) -> None:
    if error.get("code"):
        error = {**error, "code": upper_first(error["code"]) if expected.get("in_stream") else error["code"]}
    if NOT_OFFERED in (error.get("message") or "") and NOT_OFFERED not in expected.get("message", ""):
        raise Wrong(f"{what}: {error['message']}")
    for member in ("status", "code", "message"):
        wanted, got = expected.get(member), error.get(member)
        if wanted is None or (member == "status" and got is None):  # not every client tells the status
            continue
        good = re.search(wanted, got or "", re.S) if isinstance(wanted, str) else got == wanted
        if not good:
            raise Wrong(f"{what} {member}: expected {wanted!r}, got {json.dumps(got, ensure_ascii=False)}; {error}")


def judge(case, observed: dict, dialect: str) -> None:
    """Raises Wrong. `dialect`: how this client names errors, where that differs from the API's own."""
    error = observed.get("error")
    if case.error is not None:
        expected = case.error.get(dialect, case.error) if dialect in case.error else case.error
        if error is None:
            raise Wrong(f"expected an error {expected.get('code')}, got an answer: {str(observed)[:200]}")
        if expected.get("in_stream") and not observed.get("events"):
            raise Wrong(f"expected the error inside the stream, got it before the first event: {error}")
        check_error(expected, error, "error")
    elif error is not None:
        raise Wrong(f"error {error.get('status') or ''} {error.get('code')}: {str(error.get('message'))[:600]}")
    else:
        check_answer(case, observed)
    if case.api in AWS_APIS and observed.get("request_id", "unknown") in (None, ""):
        raise Wrong("no request id")


def check_answer(case, observed: dict) -> None:
    answer = observed["answer"] if "answer" in observed else folded(case.family, observed["events"])
    if case.call == "InvokeModel":
        answer = json.loads(answer["body"])
    shows = observed.get("shows", [""])  # a client may hide parts of an answer from its user
    check_members(answer, {path: wanted for path, wanted in case.answer.items() if path.startswith(tuple(shows))},
                  "answer")
    if case.backend:
        text = text_of(case.family, answer)
        try:
            seen = json.loads(text)
        except json.JSONDecodeError:
            raise Wrong(f"the back-end's echo is not JSON: {text[:120]!r}") from None
        check_members(seen, case.backend, "the back-end got")

"""OpenAI's Python client, pointed at a Region."""

import openai

from protocol import collect, serve


def client_of(case: dict) -> openai.OpenAI:
    end = case["endpoint"]
    http = openai.DefaultHttpxClient(verify=end["ca"]) if end.get("ca") else None
    return openai.OpenAI(api_key=end["bearer"], base_url=end["url"] + end.get("openai_path", "/v1"),
                         max_retries=case["attempts"] - 1, timeout=60, http_client=http)


def observe(case: dict) -> dict:
    client, request = client_of(case), case["request"]
    if case["call"] == "chat.completions" and case["stream"]:
        with client.chat.completions.create(**request, stream=True) as stream:
            return {"events": collect(stream, lambda chunk: chunk.model_dump(exclude_none=True))}
    calls = {"chat.completions": lambda: client.chat.completions.create(**request),
             "embeddings": lambda: client.embeddings.create(**request),
             "models.list": client.models.list,
             "models.retrieve": lambda: client.models.retrieve(request["model"])}
    return {"answer": calls[case["call"]]().model_dump(exclude_none=True)}


def error_of(error: BaseException) -> dict | None:
    if isinstance(error, openai.APIStatusError):
        return {"code": error.code, "status": error.status_code, "message": error.message}
    if isinstance(error, openai.APIError):
        return {"code": error.code or type(error).__name__, "status": None, "message": error.message}
    return None


if __name__ == "__main__":
    serve(observe, error_of)

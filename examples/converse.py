"""What an application on Amazon Bedrock does today: boto3, an inference profile id, and nothing else.

Against tidegate the only difference is the environment: AWS_ENDPOINT_URL points at the Region's gateway.
"""

import boto3

PROFILE = "eu.amazon.nova-2-lite-v1:0"
QUESTION = {
    "modelId": PROFILE,
    "system": [{"text": "You are a friendly guide to the sea. Answer in one or two sentences."}],
    "messages": [{"role": "user", "content": [{"text": "Why do the tides rise and fall?"}]}],
    "inferenceConfig": {"maxTokens": 80, "temperature": 0.2, "topP": 0.9},
    "additionalModelRequestFields": {"inferenceConfig": {"topK": 20}},
}


def show_facts(answer: dict, usage: dict, stop_reason: str) -> None:
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    cached = usage.get("cacheReadInputTokens", 0)
    print(f"  usage        {usage['inputTokens']} tokens in (and {cached} from its cache), {usage['outputTokens']} out")
    print(f"  stop reason  {stop_reason}")
    print(f"  processed in {headers.get('x-tidegate-inference-region', 'AWS')}"
          f" by {headers.get('x-tidegate-model', PROFILE)}")
    print(f"  request id   {answer['ResponseMetadata']['RequestId']}\n")


def converse(bedrock) -> None:
    answer = bedrock.converse(**QUESTION)
    print(answer["output"]["message"]["content"][0]["text"].strip())
    show_facts(answer, answer["usage"], answer["stopReason"])


def converse_stream(bedrock) -> None:
    answer = bedrock.converse_stream(**QUESTION)
    usage, stop_reason = {}, ""
    for event in answer["stream"]:
        if "contentBlockDelta" in event:
            print(event["contentBlockDelta"]["delta"]["text"], end="", flush=True)
        elif "messageStop" in event:
            stop_reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            usage = event["metadata"]["usage"]
    print()
    show_facts(answer, usage, stop_reason)


if __name__ == "__main__":
    client = boto3.client("bedrock-runtime", region_name="eu-south-1")
    converse(client)
    converse_stream(client)

"""The other usual call: a `global.` profile, which may run in any Region of the deployment.

The demo's ordinary key may not use it, and the refusal says why. A second key, to whose principal the operator has
granted global profiles, may. `./do env` exports both keys.
"""

import os

import boto3
from botocore.exceptions import ClientError

PROFILE = "global.amazon.nova-2-lite-v1:0"


def ask(**credentials) -> None:
    bedrock = boto3.client("bedrock-runtime", region_name="eu-south-1", **credentials)
    answer = bedrock.converse(
        modelId=PROFILE,
        messages=[{"role": "user", "content": [{"text": "Name one ocean."}]}],
        inferenceConfig={"maxTokens": 40, "temperature": 0.2},
    )
    region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-tidegate-inference-region", "AWS")
    print(f"served in {region}: {answer['output']['message']['content'][0]['text'].strip()}")


if __name__ == "__main__":
    print(f"{PROFILE} with the ordinary key:")
    try:
        ask()
    except ClientError as refusal:
        print(f"refused, {refusal.response['Error']['Code']}: {refusal.response['Error']['Message']}")

    print(f"\n{PROFILE} with the key that was granted it:")
    ask(
        aws_access_key_id=os.environ["TIDEGATE_GLOBAL_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["TIDEGATE_GLOBAL_SECRET_ACCESS_KEY"],
    )

// The AWS SDK for JavaScript v3. bedrock-runtime speaks HTTP/2 by default, with prior knowledge on http://;
// `node aws.mjs http1` gives it the handler that users choose to avoid that.
import * as runtime from "@aws-sdk/client-bedrock-runtime";
import * as bedrock from "@aws-sdk/client-bedrock";
import * as sts from "@aws-sdk/client-sts";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { Unsupported, collect, serve } from "./protocol.mjs";

const http1 = process.argv[2] === "http1";
const services = {
  "bedrock-runtime": [runtime, runtime.BedrockRuntimeClient],
  bedrock: [bedrock, bedrock.BedrockClient],
  sts: [sts, sts.STSClient],
  cloudtrail: [cloudtrail, cloudtrail.CloudTrailClient],
};
const clients = new Map();

function clientOf({ api, endpoint, attempts }) {
  const key = JSON.stringify([api, endpoint, attempts]);
  if (!clients.has(key)) {
    const credentials = endpoint.bearer
      ? { token: { token: endpoint.bearer }, authSchemePreference: ["httpBearerAuth"] }
      : { credentials: { accessKeyId: endpoint.access_key_id, secretAccessKey: endpoint.secret_access_key } };
    clients.set(key, new services[api][1]({
      region: endpoint.region, endpoint: endpoint.url, maxAttempts: attempts, ...credentials,
      ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
    }));
  }
  return clients.get(key);
}

async function observe(one) {
  const Command = services[one.api][0][`${one.call}Command`];
  if (!Command) throw new Unsupported(`the SDK has no ${one.call}Command`);
  const { $metadata, ...answer } = await clientOf(one).send(new Command(one.request));
  const request_id = $metadata.requestId ?? "";
  if (one.stream) return { ...(await collect(answer.stream ?? answer.body)), request_id };
  return { answer, request_id };
}

function errorOf(error) {
  const status = error.$metadata?.httpStatusCode ?? null;
  const known = error.$metadata?.requestId !== undefined ? { request_id: error.$metadata.requestId } : {};
  return { error: { code: error.name, status, message: error.message }, ...known };
}

await serve(observe, errorOf);

// Anthropic's client for Bedrock in TypeScript: messages through InvokeModel.
import AnthropicBedrock from "@anthropic-ai/bedrock-sdk";
import { Unsupported, collect, serve } from "./protocol.mjs";

async function observe({ call, request, stream, endpoint, attempts }) {
  if (call !== "messages") throw new Unsupported("Anthropic's Bedrock client refuses to count tokens");
  const client = new AnthropicBedrock({
    awsAccessKey: endpoint.access_key_id, awsSecretKey: endpoint.secret_access_key, awsRegion: endpoint.region,
    baseURL: endpoint.url, maxRetries: attempts - 1,
  });
  if (stream) return collect(await client.messages.create({ ...request, stream: true }));
  return { answer: await client.messages.create(request) };
}

function errorOf(error) {
  const body = error.error?.error ?? error.error ?? {};
  const code = body.type ?? error.headers?.get?.("x-amzn-errortype") ?? error.name;
  return { error: { code, status: error.status ?? null, message: body.message ?? error.message } };
}

await serve(observe, errorOf);

// The AWS SDK for Java v2, `sync` or `async`: cases in, one line of observation a case out (see ../protocol.py).

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.awscore.AwsResponse;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeAsyncClient;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseStreamRequest;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseStreamResponseHandler;
import software.amazon.awssdk.services.bedrockruntime.model.InvokeModelWithResponseStreamRequest;
import software.amazon.awssdk.services.bedrockruntime.model.InvokeModelWithResponseStreamResponseHandler;
import software.amazon.awssdk.utils.builder.Buildable;

public final class Main {
  private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{([a-z_.]+)\\.([A-Za-z]+)\\}");
  private static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
  private final boolean async;
  private final Clients clients;
  private final JsonObject answers = new JsonObject();

  private Main(boolean async) {
    this.async = async;
    this.clients = new Clients(async);
  }

  public static void main(String[] arguments) {
    Main main = new Main(arguments[0].equals("async"));
    JsonObject input =
        JsonParser.parseReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).getAsJsonObject();
    for (JsonElement one : input.getAsJsonArray("cases")) main.run(one.getAsJsonObject());
    System.exit(0); // Netty's threads would keep it alive
  }

  private void run(JsonObject one) {
    JsonObject seen = new JsonObject();
    String name = one.get("case").getAsString();
    seen.addProperty("case", name);
    try {
      JsonObject request = JsonParser.parseString(resolved(GSON.toJson(one.get("request")))).getAsJsonObject();
      observe(one, request, seen);
    } catch (Unsupported missing) {
      seen.addProperty("unsupported", missing.getMessage());
    } catch (Exception failed) {
      addError(seen, failed);
    }
    if (seen.has("answer")) answers.add(name, seen.get("answer"));
    System.out.println(GSON.toJson(seen));
  }

  private String resolved(String request) {
    return PLACEHOLDER.matcher(request).replaceAll(found -> {
      JsonElement answer = answers.get(found.group(1));
      JsonElement member = answer == null ? null : answer.getAsJsonObject().get(found.group(2));
      return Matcher.quoteReplacement(member == null ? found.group() : member.getAsString());
    });
  }

  private void observe(JsonObject one, JsonObject request, JsonObject seen) throws Exception {
    String call = one.get("call").getAsString();
    if (one.get("stream").getAsBoolean() && !async) throw new Unsupported("the sync client has no event streams");
    Class<?> type;
    try {
      type = Class.forName(Clients.modelPackage(one.get("api").getAsString()) + call + "Request");
    } catch (ClassNotFoundException missing) {
      throw new Unsupported("the SDK has no " + call);
    }
    SdkPojo builder = (SdkPojo) type.getMethod("builder").invoke(null);
    Values.fill(builder, request);
    Object input = ((Buildable) builder).build();
    Object client = clients.of(one);
    if (one.get("stream").getAsBoolean()) {
      stream((BedrockRuntimeAsyncClient) client, input, seen);
      return;
    }
    Method method = client.getClass().getMethod(call.substring(0, 1).toLowerCase() + call.substring(1), type);
    method.setAccessible(true);
    Object answer = method.invoke(client, input);
    if (async) answer = ((CompletableFuture<?>) answer).get();
    seen.add("answer", Values.plain((SdkPojo) answer));
    seen.addProperty("request_id", ((AwsResponse) answer).responseMetadata().requestId());
  }

  private void stream(BedrockRuntimeAsyncClient client, Object input, JsonObject seen) throws Exception {
    JsonArray events = new JsonArray();
    CompletableFuture<Void> done;
    if (input instanceof ConverseStreamRequest) {
      done = client.converseStream((ConverseStreamRequest) input, ConverseStreamResponseHandler.builder()
          .onResponse(answer -> seen.addProperty("request_id", answer.responseMetadata().requestId()))
          .subscriber(event -> events.add(named(event.sdkEventType().toString(), event))).build());
    } else {
      done = client.invokeModelWithResponseStream(
          (InvokeModelWithResponseStreamRequest) input, InvokeModelWithResponseStreamResponseHandler.builder()
          .onResponse(answer -> seen.addProperty("request_id", answer.responseMetadata().requestId()))
          .subscriber(event -> events.add(named(event.sdkEventType().toString(), event))).build());
    }
    try {
      done.get();
    } finally {
      seen.add("events", events);
    }
  }

  private static JsonObject named(String kind, SdkPojo event) {
    JsonObject out = new JsonObject();
    out.add(kind, Values.plain(event));
    return out;
  }

  private static void addError(JsonObject seen, Throwable failed) {
    while ((failed instanceof ExecutionException || failed instanceof CompletionException
        || failed instanceof InvocationTargetException) && failed.getCause() != null) {
      failed = failed.getCause();
    }
    JsonObject error = new JsonObject();
    error.addProperty("code", failed.getClass().getSimpleName());
    error.add("status", JsonNull.INSTANCE);
    error.addProperty("message", String.valueOf(failed.getMessage()));
    if (failed instanceof AwsServiceException && ((AwsServiceException) failed).awsErrorDetails() != null) {
      AwsServiceException told = (AwsServiceException) failed;
      error.addProperty("code", told.awsErrorDetails().errorCode());
      error.addProperty("message", told.awsErrorDetails().errorMessage());
      if (!seen.has("events")) {
        error.addProperty("status", told.statusCode());
        seen.addProperty("request_id", told.requestId());
      }
    }
    seen.add("error", error);
  }
}

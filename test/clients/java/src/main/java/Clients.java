// One client for each end point, sync (Apache, HTTP/1.1) or async (Netty, HTTP/2 for bedrock-runtime).

import com.google.gson.JsonObject;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.auth.token.credentials.SdkToken;
import software.amazon.awssdk.auth.token.credentials.StaticTokenProvider;
import software.amazon.awssdk.awscore.client.builder.AwsAsyncClientBuilder;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.client.builder.AwsSyncClientBuilder;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.StandardRetryStrategy;
import software.amazon.awssdk.services.bedrock.BedrockAsyncClient;
import software.amazon.awssdk.services.bedrock.BedrockClient;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeAsyncClient;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeBaseClientBuilder;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeClient;
import software.amazon.awssdk.services.bedrockruntime.auth.scheme.BedrockRuntimeAuthSchemeProvider;
import software.amazon.awssdk.services.cloudtrail.CloudTrailAsyncClient;
import software.amazon.awssdk.services.cloudtrail.CloudTrailClient;
import software.amazon.awssdk.services.sts.StsAsyncClient;
import software.amazon.awssdk.services.sts.StsClient;

final class Clients {
  private final boolean async;
  private final Map<String, Object> made = new HashMap<>();

  Clients(boolean async) {
    this.async = async;
  }

  Object of(JsonObject one) {
    String key = one.get("api") + " " + one.get("attempts") + " " + one.get("endpoint");
    return made.computeIfAbsent(key, ignored -> make(one));
  }

  static String modelPackage(String api) {
    String service = api.replace("-", "");
    return "software.amazon.awssdk.services." + service + ".model.";
  }

  private AwsClientBuilder<?, ?> builder(String api) {
    switch (api) {
      case "bedrock-runtime": return async ? BedrockRuntimeAsyncClient.builder() : BedrockRuntimeClient.builder();
      case "bedrock": return async ? BedrockAsyncClient.builder() : BedrockClient.builder();
      case "cloudtrail": return async ? CloudTrailAsyncClient.builder() : CloudTrailClient.builder();
      default: return async ? StsAsyncClient.builder() : StsClient.builder();
    }
  }

  private Object make(JsonObject one) {
    JsonObject end = one.getAsJsonObject("endpoint");
    AwsClientBuilder<?, ?> builder = builder(one.get("api").getAsString());
    builder.region(Region.of(text(end, "region"))).endpointOverride(URI.create(text(end, "url")));
    StandardRetryStrategy retries =
        AwsRetryStrategy.standardRetryStrategy().toBuilder().maxAttempts(one.get("attempts").getAsInt()).build();
    builder.overrideConfiguration(settings -> settings.retryStrategy(retries));
    if (text(end, "bearer").isEmpty()) {
      builder.credentialsProvider(StaticCredentialsProvider.create(
          AwsBasicCredentials.create(text(end, "access_key_id"), text(end, "secret_access_key"))));
    } else {
      BedrockRuntimeBaseClientBuilder<?, ?> bedrock = (BedrockRuntimeBaseClientBuilder<?, ?>) builder;
      bedrock.tokenProvider(StaticTokenProvider.create(token(text(end, "bearer"))));
      bedrock.authSchemeProvider(BedrockRuntimeAuthSchemeProvider.defaultProvider(List.of("httpBearerAuth")));
    }
    if (!text(end, "ca").isEmpty()) trust(builder, text(end, "ca"));
    return builder.build();
  }

  private static String text(JsonObject from, String name) {
    return from.get(name).getAsString();
  }

  private static SdkToken token(String value) {
    return new SdkToken() {
      @Override public String token() {
        return value;
      }
      @Override public java.util.Optional<java.time.Instant> expirationTime() {
        return java.util.Optional.empty();
      }
    };
  }

  private static void trust(AwsClientBuilder<?, ?> builder, String ca) {
    TrustManager[] managers = managersOf(ca);
    if (builder instanceof AwsSyncClientBuilder) {
      ((AwsSyncClientBuilder<?, ?>) builder)
          .httpClientBuilder(Apache5HttpClient.builder().tlsTrustManagersProvider(() -> managers));
    } else {
      ((AwsAsyncClientBuilder<?, ?>) builder)
          .httpClientBuilder(NettyNioAsyncHttpClient.builder().tlsTrustManagersProvider(() -> managers));
    }
  }

  private static TrustManager[] managersOf(String ca) {
    try (InputStream pem = new FileInputStream(ca)) {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      store.setCertificateEntry("region", CertificateFactory.getInstance("X.509").generateCertificate(pem));
      TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      return factory.getTrustManagers();
    } catch (Exception broken) {
      throw new IllegalStateException("cannot read " + ca, broken);
    }
  }
}

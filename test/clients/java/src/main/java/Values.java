// JSON to and from the SDK's model classes, through the field tables that it carries itself (SdkField).

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.SdkField;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.core.document.Document;
import software.amazon.awssdk.core.protocol.MarshallingType;
import software.amazon.awssdk.core.traits.ListTrait;
import software.amazon.awssdk.core.traits.MapTrait;
import software.amazon.awssdk.core.util.SdkAutoConstructList;
import software.amazon.awssdk.core.util.SdkAutoConstructMap;
import software.amazon.awssdk.utils.builder.Buildable;

final class Values {
  private Values() {}

  /** Sets the builder's members. */
  static void fill(SdkPojo builder, JsonObject from) {
    for (Map.Entry<String, JsonElement> member : from.entrySet()) {
      SdkField<?> field = builder.sdkFields().stream()
          .filter(known -> known.memberName().equalsIgnoreCase(member.getKey())).findFirst()
          .orElseThrow(() -> new Unsupported(
              "the SDK's " + builder.getClass().getEnclosingClass().getSimpleName() + " has no " + member.getKey()));
      field.set(builder, made(field, member.getValue()));
    }
  }

  private static Object made(SdkField<?> field, JsonElement from) {
    MarshallingType<?> type = field.marshallingType();
    if (from.isJsonNull()) return null;
    if (type == MarshallingType.DOCUMENT) return document(from);
    if (type == MarshallingType.SDK_BYTES) {
      return SdkBytes.fromByteArray(Base64.getDecoder().decode(from.getAsJsonObject().get("$bytes").getAsString()));
    }
    if (type == MarshallingType.SDK_POJO) {
      SdkPojo builder = field.constructor().get();
      fill(builder, from.getAsJsonObject());
      return ((Buildable) builder).build();
    }
    if (type == MarshallingType.LIST) {
      List<Object> list = new ArrayList<>();
      SdkField<?> element = field.getTrait(ListTrait.class).memberFieldInfo();
      from.getAsJsonArray().forEach(one -> list.add(made(element, one)));
      return list;
    }
    if (type == MarshallingType.MAP) {
      Map<String, Object> map = new LinkedHashMap<>();
      SdkField<?> value = field.getTrait(MapTrait.class).valueFieldInfo();
      from.getAsJsonObject().entrySet().forEach(one -> map.put(one.getKey(), made(value, one.getValue())));
      return map;
    }
    if (type == MarshallingType.INTEGER) return from.getAsInt();
    if (type == MarshallingType.LONG) return from.getAsLong();
    if (type == MarshallingType.FLOAT) return from.getAsFloat();
    if (type == MarshallingType.DOUBLE) return from.getAsDouble();
    if (type == MarshallingType.BOOLEAN) return from.getAsBoolean();
    return from.getAsString();
  }

  private static Document document(JsonElement from) {
    if (from.isJsonObject()) {
      Map<String, Document> map = new LinkedHashMap<>();
      from.getAsJsonObject().entrySet().forEach(one -> map.put(one.getKey(), document(one.getValue())));
      return Document.fromMap(map);
    }
    if (from.isJsonArray()) {
      List<Document> list = new ArrayList<>();
      from.getAsJsonArray().forEach(one -> list.add(document(one)));
      return Document.fromList(list);
    }
    if (from.isJsonNull()) return Document.fromNull();
    JsonPrimitive value = from.getAsJsonPrimitive();
    if (value.isBoolean()) return Document.fromBoolean(value.getAsBoolean());
    return value.isNumber() ? Document.fromNumber(value.getAsBigDecimal()) : Document.fromString(value.getAsString());
  }

  /** JSON of what the SDK gave, in the API's member names, with blobs as text. */
  static JsonObject plain(SdkPojo from) {
    JsonObject out = new JsonObject();
    for (SdkField<?> field : from.sdkFields()) {
      Object value = field.getValueOrDefault(from);
      if (value == null || value instanceof SdkAutoConstructList || value instanceof SdkAutoConstructMap) continue;
      out.add(field.memberName(), plainValue(value));
    }
    return out;
  }

  private static JsonElement plainValue(Object value) {
    if (value instanceof SdkPojo) return plain((SdkPojo) value);
    if (value instanceof SdkBytes) return new JsonPrimitive(((SdkBytes) value).asUtf8String());
    if (value instanceof Document) return plainDocument((Document) value);
    if (value instanceof Number) return new JsonPrimitive((Number) value);
    if (value instanceof Boolean) return new JsonPrimitive((Boolean) value);
    if (value instanceof Instant) return new JsonPrimitive(value.toString());
    if (value instanceof List) {
      JsonArray list = new JsonArray();
      ((List<?>) value).forEach(one -> list.add(plainValue(one)));
      return list;
    }
    if (value instanceof Map) {
      JsonObject map = new JsonObject();
      ((Map<?, ?>) value).forEach((name, one) -> map.add(name.toString(), plainValue(one)));
      return map;
    }
    return new JsonPrimitive(value.toString());
  }

  private static JsonElement plainDocument(Document value) {
    if (value.isMap()) {
      JsonObject map = new JsonObject();
      value.asMap().forEach((name, one) -> map.add(name, plainDocument(one)));
      return map;
    }
    if (value.isList()) {
      JsonArray list = new JsonArray();
      value.asList().forEach(one -> list.add(plainDocument(one)));
      return list;
    }
    if (value.isNumber()) return new JsonPrimitive(value.asNumber().bigDecimalValue());
    if (value.isBoolean()) return new JsonPrimitive(value.asBoolean());
    return value.isNull() ? JsonNull.INSTANCE : new JsonPrimitive(value.asString());
  }
}

// For tests: a small operator's own content, and edits of it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace tidegate::catalog {

inline constexpr std::string_view swiss_profile = "ch.acme.chat-v1:0";

// Two Swiss Regions, a geography of both, a model and a profile with these rows.
inline std::string swiss(std::string_view rows, int version = 1) {
  return fmt::format(
      R"({{"regions":[{{"id":"ch-1","city":"Geneva","country":"CH","partition":"acme"}},)"
      R"({{"id":"ch-2","city":"Lugano","country":"CH","partition":"acme"}}],)"
      R"("geographies":[{{"id":"ch","version":1,"countries":["CH"],"regions":["ch-1","ch-2"]}}],)"
      R"("models":[{{"id":"acme.chat-v1:0","name":"Chat","provider":"ACME","input":["text"],)"
      R"("output":["text"],"streams":true}}],)"
      R"("profiles":[{{"id":"{}","name":"CH Chat","scope":"geographic","geography":"ch",)"
      R"("model":"acme.chat-v1:0","version":{},"rows":{}}}]}})",
      swiss_profile, version, rows);
}
inline constexpr std::string_view both_rows = R"({"ch-1":["ch-1","ch-2"],"ch-2":["ch-2"]})";
inline constexpr std::string_view narrow_rows = R"({"ch-1":["ch-1"],"ch-2":["ch-2"]})";

inline std::string edited(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  return at == std::string::npos ? "not there: " + std::string(from)
                                 : text.replace(at, from.size(), to);
}

}  // namespace tidegate::catalog

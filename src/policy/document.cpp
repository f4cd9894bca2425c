// Reading a policy document, strictly: what is not understood exactly is refused with its place,
// what is wrong, why, and the mend. A policy that is half understood would allow too much or deny
// too little.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "policy/json_position.hpp"
#include "policy/pattern.hpp"
#include "policy/policy.hpp"

namespace tidegate::policy {
namespace {

struct Named {
  std::string_view name;
  Operator op;
};
constexpr Named operators[] = {
    {"StringEquals", Operator::string_equals},
    {"StringNotEquals", Operator::string_not_equals},
    {"StringLike", Operator::string_like},
    {"StringNotLike", Operator::string_not_like},
    {"ArnEquals", Operator::arn_equals},
    {"ArnNotEquals", Operator::arn_not_equals},
    {"ArnLike", Operator::arn_like},
    {"ArnNotLike", Operator::arn_not_like},
    {"Null", Operator::null},
};
constexpr std::string_view region_key = "aws:requestedregion";
constexpr std::string_view profile_key = "bedrock:inferenceprofilearn";
constexpr std::string_view bearer_key = "bedrock:bearertokentype";

constexpr std::string_view supported_operators =
    "StringEquals, StringNotEquals, StringLike, StringNotLike, ArnEquals, ArnNotEquals, ArnLike, "
    "ArnNotLike and Null";

bool is_arn_operator(Operator op) {
  return op == Operator::arn_equals || op == Operator::arn_not_equals || op == Operator::arn_like ||
         op == Operator::arn_not_like;
}

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

struct Problem {
  std::string what, why, mend;
};

// Holds the path from the document to the element that is being read, so that every refusal has a
// place.
class Reader {
 public:
  Reader(std::string_view name, std::string_view text) : name_(name), text_(text) {}

  Result<std::vector<Statement>> document(const json::value& root);
  std::unexpected<Error> refuse_at(Position at, Problem problem) const {
    return fail(Error{.code = ErrorCode::configuration,
                      .message = fmt::format("policy {}, line {}, column {}: {}", name_, at.line,
                                             at.column, problem.what),
                      .mend = std::move(problem.mend),
                      .why = std::move(problem.why)});
  }

 private:
  class Inside {
   public:
    Inside(Reader& reader, Step step) : path_(reader.path_) { path_.push_back(step); }
    Inside(const Inside&) = delete;
    ~Inside() { path_.pop_back(); }

   private:
    std::vector<Step>& path_;
  };

  std::unexpected<Error> refuse(Point point, Problem problem) const {
    return refuse_at(find_position(text_, path_, point), std::move(problem));
  }

  Result<void> version(const json::value& v);
  Result<Statement> statement(const json::value& v, std::size_t number);
  Result<void> element(Statement& out, std::string_view member, const json::value& v);
  Result<void> complete(const Statement& statement, bool has_effect) const;
  Result<std::vector<Condition>> conditions(const json::value& v);
  Result<Condition> condition(Operator op, std::string_view key, const json::value& v);
  // A text or a list of at least one; `check` gives nullptr or says what is wrong with one of them.
  template <class Check>
  Result<std::vector<std::string>> texts(const json::value& v, Check check);

  std::string_view name_, text_;
  std::vector<Step> path_;
};

std::optional<Problem> check_action(std::string_view action) {
  if (action == "*") return std::nullopt;
  const auto colon = action.find(':');
  const auto service = action.substr(0, colon);
  const auto name = colon == std::string_view::npos ? "" : action.substr(colon + 1);
  const auto in_service = [](char c) { return is_alphanumeric(c) || c == '-'; };
  const auto in_name = [](char c) { return is_alphanumeric(c) || c == '*' || c == '?'; };
  if (!service.empty() && !name.empty() && std::ranges::all_of(service, in_service) &&
      std::ranges::all_of(name, in_name)) {
    return std::nullopt;
  }
  return Problem{fmt::format("\"{}\" is not an action", action),
                 "an action is a service, a colon and a name with or without wildcards, or \"*\"",
                 "Write it as in \"bedrock:InvokeModel*\"."};
}

std::optional<Problem> check_variable(std::string_view text) {
  if (!text.contains("${")) return std::nullopt;
  return Problem{fmt::format("\"{}\" holds a policy variable", text),
                 "variables are not evaluated yet, and taken literally they would match nothing",
                 "Write the value out, with wildcards where needed."};
}

std::optional<Problem> check_resource(std::string_view resource) {
  if (auto problem = check_variable(resource)) return problem;
  const char* why = why_not_a_resource_pattern(resource);
  if (!why) return std::nullopt;
  return Problem{fmt::format("\"{}\" is not a resource", resource), why,
                 "Write an ARN as in \"arn:aws:bedrock:*::foundation-model/*\", or \"*\"."};
}

template <class Check>
Result<std::vector<std::string>> Reader::texts(const json::value& v, Check check) {
  std::vector<std::string> out;
  const auto take = [&](const json::value& item) -> Result<void> {
    if (!item.is_string()) {
      return refuse(Point::value, {"a text is needed here", "the element is of another type",
                                   "Put the value in double quotes."});
    }
    const std::string_view text = item.get_string();
    if (auto problem = check(text)) return refuse(Point::value, *std::move(problem));
    out.emplace_back(text);
    return {};
  };
  if (const auto* list = v.if_array()) {
    if (list->empty()) {
      return refuse(Point::value, {"the list is empty", "an empty list matches nothing",
                                   "Name at least one value, or remove the statement."});
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Inside inside(*this, {.member = {}, .item = i});
      TRY_VOID(take((*list)[i]));
    }
  } else {
    TRY_VOID(take(v));
  }
  return out;
}

Result<void> Reader::version(const json::value& v) {
  // They differ in policy variables only, and these are refused in both.
  if (v.is_string() && (v.get_string() == "2012-10-17" || v.get_string() == "2008-10-17"))
    return {};
  return refuse(Point::value, {"the Version is not known",
                               "only 2012-10-17 and 2008-10-17 are versions of the policy language",
                               "Write \"Version\": \"2012-10-17\"."});
}

Result<std::vector<Statement>> Reader::document(const json::value& root) {
  const auto* object = root.if_object();
  if (!object) {
    return refuse(Point::value, {"the document is not a JSON object", "a policy is one object",
                                 "Write {\"Version\": \"2012-10-17\", \"Statement\": [...]}."});
  }
  std::vector<Statement> out;
  for (const auto& member : *object) {
    const std::string_view key = member.key();
    const Inside inside(*this, {.member = key});
    if (key == "Version") {
      TRY_VOID(version(member.value()));
    } else if (key == "Id") {
      if (!member.value().is_string()) {
        return refuse(Point::value, {"the Id is not a text", "it is only a label",
                                     "Write a text, or remove it."});
      }
    } else if (key != "Statement") {
      return refuse(Point::name, {fmt::format("the element \"{}\" is not supported", key),
                                  "a policy document has the elements Version, Id and Statement",
                                  "Remove it, or write it inside a statement."});
    } else if (const auto* list = member.value().if_array()) {
      for (std::size_t i = 0; i < list->size(); ++i) {
        const Inside item(*this, {.member = {}, .item = i});
        TRY(auto one, statement((*list)[i], i + 1));
        out.push_back(std::move(one));
      }
    } else {
      TRY(auto one, statement(member.value(), 1));
      out.push_back(std::move(one));
    }
  }
  if (out.empty()) {
    return refuse(Point::value, {"the document has no statement", "it would deny everything",
                                 "Add a Statement, or do not attach the policy."});
  }
  std::set<std::string_view> sids;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (sids.insert(out[i].sid).second) continue;
    const Inside list(*this, {.member = "Statement"});
    const Inside item(*this, {.member = {}, .item = i});
    const Inside sid(*this, {.member = "Sid"});
    return refuse(Point::value, {fmt::format("the Sid \"{}\" is used twice", out[i].sid),
                                 "a decision names its statement by the Sid",
                                 "Give every statement of the document its own Sid."});
  }
  return out;
}

Result<Statement> Reader::statement(const json::value& v, std::size_t number) {
  const auto* object = v.if_object();
  if (!object) {
    return refuse(Point::value, {"a statement is not a JSON object", "it needs its elements",
                                 "Write {\"Effect\": ..., \"Action\": ..., \"Resource\": ...}."});
  }
  Statement out;
  out.sid = fmt::format("#{}", number);
  for (const auto& member : *object) {
    const Inside inside(*this, {.member = member.key()});
    TRY_VOID(element(out, member.key(), member.value()));
  }
  TRY_VOID(complete(out, object->contains("Effect")));
  return out;
}

Result<void> Reader::element(Statement& out, std::string_view member, const json::value& v) {
  if (member == "Sid") {
    if (!v.is_string() || v.get_string().empty() ||
        !std::ranges::all_of(std::string_view(v.get_string()), is_alphanumeric)) {
      return refuse(Point::value, {"the Sid is not a text of letters and digits",
                                   "AWS accepts no other", "Rename it, or remove it."});
    }
    out.sid = std::string_view(v.get_string());
    return {};
  }
  if (member == "Effect") {
    const bool allow = v.is_string() && v.get_string() == "Allow";
    if (!allow && !(v.is_string() && v.get_string() == "Deny")) {
      return refuse(Point::value, {"the Effect is neither Allow nor Deny", "case matters here",
                                   "Write \"Allow\" or \"Deny\"."});
    }
    out.effect = allow ? Effect::allow : Effect::deny;
    return {};
  }
  if (member == "Condition") {
    TRY(out.conditions, conditions(v));
    return {};
  }
  if (member == "Action" || member == "NotAction") {
    TRY(auto list, texts(v, check_action));
    (member == "Action" ? out.actions : out.not_actions) = std::move(list);
    return {};
  }
  if (member == "Resource" || member == "NotResource") {
    TRY(auto list, texts(v, check_resource));
    (member == "Resource" ? out.resources : out.not_resources) = std::move(list);
    return {};
  }
  const bool principal = member == "Principal" || member == "NotPrincipal";
  return refuse(Point::name,
                {fmt::format("the element \"{}\" is not supported", member),
                 principal ? "this policy is attached to a principal, so it cannot name another"
                           : "a statement has Sid, Effect, Action or NotAction, Resource or "
                             "NotResource, and Condition; case matters",
                 principal ? "Remove it, and attach the policy to the principals it is meant for."
                           : "Correct its name, or remove it."});
}

Result<void> Reader::complete(const Statement& s, bool has_effect) const {
  const auto missing = [&](std::string_view what, std::string_view mend) {
    return refuse(Point::value,
                  {fmt::format("a statement {}", what),
                   "without it the statement has no defined meaning", std::string(mend)});
  };
  if (!has_effect) return missing("has no Effect", "Add \"Effect\": \"Allow\" or \"Deny\".");
  if (s.actions.empty() == s.not_actions.empty()) {
    return missing("needs either Action or NotAction", "Write exactly one of them.");
  }
  if (s.resources.empty() == s.not_resources.empty()) {
    return missing("needs either Resource or NotResource", "Write exactly one of them.");
  }
  return {};
}

Result<std::vector<Condition>> Reader::conditions(const json::value& v) {
  const auto not_filled = [&] {
    return refuse(Point::value, {"a non-empty JSON object is needed here",
                                 "a condition is an operator, a key and its values",
                                 "Write {\"StringEquals\": {\"aws:RequestedRegion\": \"...\"}}, or "
                                 "remove the element."});
  };
  const auto* block = v.if_object();
  if (!block || block->empty()) return not_filled();
  std::vector<Condition> out;
  for (const auto& member : *block) {
    const Inside inside(*this, {.member = member.key()});
    const auto known = std::ranges::find(operators, std::string_view(member.key()), &Named::name);
    if (known == std::end(operators)) {
      return refuse(Point::name, {fmt::format("the condition operator \"{}\" is not supported",
                                              std::string_view(member.key())),
                                  fmt::format("the operators are {}", supported_operators),
                                  "Rewrite the condition with one of these operators."});
    }
    const auto* keys = member.value().if_object();
    if (!keys || keys->empty()) return not_filled();
    for (const auto& key : *keys) {
      const Inside inside_key(*this, {.member = key.key()});
      TRY(auto one, condition(known->op, key.key(), key.value()));
      out.push_back(std::move(one));
    }
  }
  return out;
}

Result<Condition> Reader::condition(Operator op, std::string_view key, const json::value& v) {
  Condition out{.op = op, .key = to_lower_ascii(key), .values = {}};
  if (out.key != region_key && out.key != profile_key && out.key != bearer_key) {
    return refuse(Point::name, {fmt::format("the condition key \"{}\" is not supported", key),
                                "the keys are aws:RequestedRegion, bedrock:InferenceProfileArn and "
                                "bedrock:BearerTokenType",
                                "Rewrite the condition with one of these keys."});
  }
  if (is_arn_operator(op) && out.key != profile_key) {
    return refuse(Point::name, {fmt::format("an Arn operator is used on {}", key),
                                "its value is not an ARN, so it would never match",
                                "Use the String operator of the same name."});
  }
  if (op == Operator::null) {
    if (const auto* flag = v.if_bool()) {
      out.values.emplace_back(*flag ? "true" : "false");
      return out;
    }
  }
  TRY(out.values, texts(v, [&](std::string_view text) -> std::optional<Problem> {
        if (op == Operator::null) {
          if (text == "true" || text == "false") return std::nullopt;
          return Problem{"the value of Null is neither \"true\" nor \"false\"",
                         "true asks that the key is absent, false that it is present",
                         "Write \"true\" or \"false\"."};
        }
        if (auto problem = check_variable(text)) return problem;
        const char* why = is_arn_operator(op) ? why_not_an_arn_pattern(text) : nullptr;
        if (!why) return std::nullopt;
        return Problem{fmt::format("\"{}\" is not an ARN", text), why,
                       "Write it as in \"arn:aws:bedrock:*:*:inference-profile/eu.*\"."};
      }));
  return out;
}

}  // namespace

Result<PolicyDocument> PolicyDocument::parse(std::string name, std::string_view text) {
  Reader reader(name, text);
  if (text.size() > limits::policy_bytes_max) {
    return reader.refuse_at({}, {fmt::format("the document has {} bytes", text.size()),
                                 fmt::format("at most {} are read", limits::policy_bytes_max),
                                 "Split it into several policies."});
  }
  auto root = json::parse(text);
  if (!root) {
    // The place, where it is the syntax that is wrong and not a repeated member.
    boost::json::parser again;
    boost::system::error_code ec;
    const std::size_t used = again.write(text.data(), text.size(), ec);
    return reader.refuse_at(position_at(text, ec ? used : 0),
                            {std::move(root).error().message, "a policy is one JSON document",
                             "Correct the JSON text."});
  }
  TRY(auto statements, reader.document(*root));
  return PolicyDocument{std::move(name), std::move(statements)};
}

}  // namespace tidegate::policy

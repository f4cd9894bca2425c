#include "config/documents.hpp"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "aws/arn.hpp"
#include "aws/sigv4.hpp"
#include "config/narrowed_rows.hpp"
#include "config/policy_text.hpp"
#include "policy/policy.hpp"

namespace tidegate::config {
namespace {

using gateway::Documents;

// What the file says, with the positions that the checks need.
struct Policy {
  std::string name;
  std::optional<YAML::Node> document;
  std::string file;
  YAML::Mark mark;
};
struct Principal {
  identity::PrincipalRecord record;
  std::vector<std::pair<std::string, YAML::Mark>> policies;
  YAML::Mark mark;
};
struct KeyEntry {
  identity::AccessKey key;
  YAML::Mark mark, principal_mark;
};
struct ApiKeyEntry {
  identity::ApiKey key;
  YAML::Mark mark, principal_mark;
};
struct File {
  std::vector<Policy> policies;
  std::vector<Principal> principals;
  std::vector<KeyEntry> keys;
  std::vector<ApiKeyEntry> api_keys;
};

constexpr auto required = Presence::required;
constexpr auto optional = Presence::optional;

void read_name(Reader& reader, const YAML::Node& node, Policy& out) {
  auto name = reader.text(node, "name");
  if (!name) return;
  out.mark = node.Mark();
  const auto allowed = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (name->empty() || name->size() > 128 || !std::all_of(name->begin(), name->end(), allowed)) {
    reader.problem(node.Mark(), fmt::format("\"name\" is \"{}\"", *name),
                   "it must be 1 to 128 printable characters without spaces",
                   "write it like \"invoke-eu\"");
    return;
  }
  out.name = std::move(*name);
}

std::optional<identity::PrincipalRecord> read_principal_arn(Reader& reader, const YAML::Node& node,
                                                            std::string_view name) {
  const auto arn = reader.text(node, name);
  if (!arn) return std::nullopt;
  auto record = principal_of(*arn);
  if (!record) {
    reader.problem(node.Mark(), fmt::format("\"{}\" is \"{}\"", name, *arn),
                   "it must be the ARN of an IAM user or role",
                   "write it like arn:aws:iam::111122223333:user/demo");
  }
  return record;
}

void read_switch(Reader& reader, const YAML::Node& node, std::string_view name, bool& out) {
  static constexpr std::array<std::string_view, 4> words{"off", "on", "false", "true"};
  if (const auto index = reader.choice(node, name, words)) out = *index % 2 == 1;
}

const Key<Policy> policy_keys[] = {
    {"name", "text", required, "", "What principals[].policies refers to.", read_name},
    {"document", "map, or block of JSON", optional, "this or file",
     "The IAM policy document itself.",
     [](Reader&, const YAML::Node& n, Policy& p) { p.document = n; }},
    {"file", "path", optional, "this or document", "A JSON file that holds the policy document.",
     [](Reader& r, const YAML::Node& n, Policy& p) {
       if (auto path = r.path(n, "file")) p.file = std::move(*path);
     }},
};

const Key<Principal> principal_keys[] = {
    {"arn", "ARN", required, "", "An IAM user or role: arn:aws:iam::ACCOUNT:user/NAME.",
     [](Reader& r, const YAML::Node& n, Principal& p) {
       p.mark = n.Mark();
       if (auto record = read_principal_arn(r, n, "arn")) p.record = std::move(*record);
     }},
    {"policies", "list of names", optional, "none: everything is denied",
     "The policies that it carries; an explicit deny in any of them wins.",
     [](Reader& r, const YAML::Node& n, Principal& p) {
       if (!r.is_list(n, "policies")) return;
       for (const YAML::Node& item : n) {
         if (auto name = r.text(item, "policies"))
           p.policies.emplace_back(std::move(*name), item.Mark());
       }
     }},
    {"global_grant", "on | off", optional, "off",
     "on: it may use global. profiles, in Regions whose global_profiles is on.",
     [](Reader& r, const YAML::Node& n, Principal& p) {
       read_switch(r, n, "global_grant", p.record.global_grant);
     }},
    {"narrowed_rows", "map of profile to Regions", optional, "none: whole rows",
     "Its part of profiles' rows: fewer Regions, never more. Policies still decide for the whole "
     "row.",
     [](Reader& r, const YAML::Node& n, Principal& p) {
       read_narrowed_rows(r, n, p.record.narrowed_rows);
     }},
};

const Key<KeyEntry> key_entry_keys[] = {
    {"id", "text", required, "", "The access key id: 16 to 128 letters and digits, AKIA...",
     [](Reader& r, const YAML::Node& n, KeyEntry& k) {
       k.mark = n.Mark();
       auto id = r.text(n, "id");
       if (!id) return;
       const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
       if (id->size() < 16 || id->size() > 128 || !std::all_of(id->begin(), id->end(), allowed)) {
         r.problem(n.Mark(), fmt::format("\"id\" is \"{}\"", *id),
                   "it must be 16 to 128 letters and digits, as AWS's clients expect",
                   "write it like AKIAIOSFODNN7EXAMPLE");
         return;
       }
       k.key.key_id = std::move(*id);
     }},
    {"secret", "text", required, "",
     "The secret access key; write ${env:NAME} or ${file:PATH}. At least 16 characters.",
     [](Reader& r, const YAML::Node& n, KeyEntry& k) {
       auto secret = r.text(n, "secret");
       if (!secret) return;
       if (secret->size() < 16 || secret->size() > 1024) {  // never shown
         r.problem(n.Mark(), fmt::format("\"secret\" has {} characters", secret->size()),
                   "it must have 16 to 1,024", "generate one: openssl rand -base64 30");
         return;
       }
       k.key.secret = std::move(*secret);
     }},
    {"principal", "ARN", required, "", "Whose key it is.",
     [](Reader& r, const YAML::Node& n, KeyEntry& k) {
       k.principal_mark = n.Mark();
       if (auto record = read_principal_arn(r, n, "principal")) k.key.principal_arn = record->arn;
     }},
    {"active", "on | off", optional, "on", "off: requests that it signs are refused.",
     [](Reader& r, const YAML::Node& n, KeyEntry& k) {
       read_switch(r, n, "active", k.key.active);
     }},
};

const Key<ApiKeyEntry> api_key_keys[] = {
    {"sha256", "64 hexadecimal digits", required, "",
     "The SHA-256 of the key's text, which is nowhere else. The key's id follows from it.",
     [](Reader& r, const YAML::Node& n, ApiKeyEntry& k) {
       k.mark = n.Mark();
       const auto text = r.text(n, "sha256");
       if (!text) return;
       if (const auto digest = sha256_from_hex(*text)) {
         k.key.digest = *digest;
         k.key.key_id = identity::api_key_id(*digest);
       } else {
         r.problem(n.Mark(), fmt::format("\"sha256\" has {} characters", text->size()),
                   "it must be 64 hexadecimal digits", "printf %s KEY | sha256sum");
       }
     }},
    {"principal", "ARN", required, "", "Who calls with it.",
     [](Reader& r, const YAML::Node& n, ApiKeyEntry& k) {
       k.principal_mark = n.Mark();
       if (auto record = read_principal_arn(r, n, "principal")) k.key.principal_arn = record->arn;
     }},
    {"expires", "time", required, "", "When it ends to be accepted: 2027-01-31T00:00:00Z.",
     [](Reader& r, const YAML::Node& n, ApiKeyEntry& k) {
       const auto text = r.text(n, "expires");
       if (!text) return;
       if (const auto time = aws::parse_iso8601(*text)) {
         k.key.expires = *time;
       } else {
         r.problem(n.Mark(), fmt::format("\"expires\" is \"{}\"", *text),
                   "it must be a time in UTC", "write it like 2027-01-31T00:00:00Z");
       }
     }},
    {"name", "text", optional, "none", "What it is for; shown by `tidegate keys list`.",
     [](Reader& r, const YAML::Node& n, ApiKeyEntry& k) {
       if (auto name = r.text(n, "name")) k.key.name = std::move(*name);
     }},
    {"active", "on | off", optional, "on", "off: it is revoked.",
     [](Reader& r, const YAML::Node& n, ApiKeyEntry& k) {
       read_switch(r, n, "active", k.key.active);
     }},
};

const Key<File> file_keys[] = {
    {"policies", "list of sections", optional, "none",
     "IAM policy documents; a name that is there already is replaced.",
     [](Reader& r, const YAML::Node& n, File& f) {
       read_list(r, n, "policies", Table<Policy>(policy_keys), {}, f.policies);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe_keys(Table<Policy>(policy_keys), p + "[].", out);
     }},
    {"principals", "list of sections", optional, "none",
     "Who may call; an ARN that is there already is replaced.",
     [](Reader& r, const YAML::Node& n, File& f) {
       read_list(r, n, "principals", Table<Principal>(principal_keys), {}, f.principals);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe_keys(Table<Principal>(principal_keys), p + "[].", out);
     }},
    {"keys", "list of sections", optional, "none",
     "Access keys; an id that is there already is replaced.",
     [](Reader& r, const YAML::Node& n, File& f) {
       read_list(r, n, "keys", Table<KeyEntry>(key_entry_keys), {}, f.keys);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe_keys(Table<KeyEntry>(key_entry_keys), p + "[].", out);
     }},
    {"api_keys", "list of sections", optional, "none",
     "API keys, for clients that do not sign; one that is there already is replaced.",
     [](Reader& r, const YAML::Node& n, File& f) {
       read_list(r, n, "api_keys", Table<ApiKeyEntry>(api_key_keys), {}, f.api_keys);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe_keys(Table<ApiKeyEntry>(api_key_keys), p + "[].", out);
     }},
};

// policy/ says where in its text something is wrong: "..., line L, column C: what". Said again as a
// position in the file.
void policy_problem(Reader& reader, const PolicyJson& text, const std::string& name,
                    const Error& error) {
  int line = 1, column = 1;
  std::string_view what = error.message;
  constexpr std::string_view line_word = "line ", column_word = ", column ";
  const char* const end = what.data() + what.size();
  if (const auto at = what.find(line_word); at != std::string_view::npos) {
    const char* place = std::from_chars(what.data() + at + line_word.size(), end, line).ptr;
    if (std::string_view(place, static_cast<std::size_t>(end - place)).starts_with(column_word)) {
      place = std::from_chars(place + column_word.size(), end, column).ptr;
    }
    if (std::string_view(place, static_cast<std::size_t>(end - place)).starts_with(": "))
      what.remove_prefix(static_cast<std::size_t>(place + 2 - what.data()));
  }
  reader.problem_in(text.file, line + text.line_offset, column + text.column_offset,
                    fmt::format("policy \"{}\": {}", name, what),
                    error.why.empty()
                        ? "a policy that is only partly understood would be partly enforced"
                        : error.why,
                    error.mend);
}

class Checks {
 public:
  Checks(Reader& reader, const std::string& source, References references)
      : reader_(reader), source_(source), references_(references) {}

  Documents run(File file) {
    Documents out;
    for (Policy& policy : file.policies) add_policy(policy, out);
    for (Principal& principal : file.principals) add_principal(principal, out);
    for (KeyEntry& key : file.keys) add_key(key, "keys", out.keys);
    for (ApiKeyEntry& key : file.api_keys) add_key(key, "api_keys", out.api_keys);
    return out;
  }

 private:
  void add_policy(Policy& policy, Documents& out) {
    if (policy.name.empty()) return;
    once(policies_, policy.name, policy.mark, "policies");
    if (policy.document.has_value() == !policy.file.empty()) {
      reader_.problem(policy.mark,
                      fmt::format("policy \"{}\" has {}", policy.name,
                                  policy.document ? "both a document and a file"
                                                  : "neither a document nor a file"),
                      "a policy has exactly one text", "set one of \"document\" and \"file\"");
      return;
    }
    std::optional<PolicyJson> text;
    if (policy.document) {
      text = policy_json(reader_, *policy.document, source_);
    } else if (auto content = read_file(policy.file, limits::configuration_bytes_max)) {
      text = PolicyJson{.json = std::move(*content), .file = policy.file};
    } else {
      reader_.problem(policy.mark, content.error().message, content.error().why,
                      content.error().mend);
    }
    if (!text) return;
    if (const auto parsed = policy::PolicyDocument::parse(policy.name, text->json); !parsed) {
      policy_problem(reader_, *text, policy.name, parsed.error());
      return;
    }
    out.policies.push_back({policy.name, std::move(text->json)});
  }

  void add_principal(Principal& principal, Documents& out) {
    if (principal.record.arn.empty()) return;
    once(principals_, principal.record.arn, principal.mark, "principals");
    for (auto& [name, mark] : principal.policies) {
      known(policies_, name, mark, "policy");
      principal.record.policies.push_back(std::move(name));
    }
    out.principals.push_back(std::move(principal.record));
  }

  template <class Entry, class Key>
  void add_key(Entry& key, std::string_view list, std::vector<Key>& out) {
    if (key.key.key_id.empty() || key.key.principal_arn.empty()) return;
    once(keys_, key.key.key_id, key.mark, list);
    known(principals_, key.key.principal_arn, key.principal_mark, "principal");
    out.push_back(std::move(key.key));
  }

  void once(std::set<std::string>& seen, const std::string& name, const YAML::Mark& mark,
            std::string_view list) {
    if (seen.insert(name).second) return;
    reader_.problem(mark, fmt::format("\"{}\" is in {} twice", name, list),
                    "only one of the two could hold", "remove or rename one of them");
  }

  void known(const std::set<std::string>& names, const std::string& name, const YAML::Mark& mark,
             std::string_view kind) {
    if (references_ == References::open || names.contains(name)) return;
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    reader_.problem(mark, fmt::format("no {} \"{}\" is in this file", kind, name),
                    "it would have to be in the gateway's store already",
                    did_you_mean(name, candidates));
  }

  Reader& reader_;
  const std::string& source_;
  References references_;
  std::set<std::string> policies_, principals_, keys_;
};

}  // namespace

std::optional<identity::PrincipalRecord> principal_of(std::string_view text) {
  const auto arn = aws::Arn::parse(text);
  if (!arn || arn->service != "iam" || !arn->region.empty() || arn->account.size() != 12)
    return std::nullopt;
  if (!std::all_of(arn->account.begin(), arn->account.end(),
                   [](unsigned char c) { return std::isdigit(c) != 0; }))
    return std::nullopt;
  const bool user = arn->resource.starts_with("user/");
  if ((!user && !arn->resource.starts_with("role/")) || arn->resource.size() <= 5 ||
      text.size() > 2048)
    return std::nullopt;
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("+=,.@_-/").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!std::all_of(arn->resource.begin(), arn->resource.end(), allowed)) return std::nullopt;

  // AWS's ids of users begin with AIDA, of roles with AROA, and have 21 characters of base 32.
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = user ? "AIDA" : "AROA";
  const Sha256 digest = sha256(text);
  for (std::size_t i = 0; id.size() < 21; ++i) id += alphabet[digest[i] % alphabet.size()];
  return identity::PrincipalRecord{
      .arn = std::string(text), .account = arn->account, .user_id = std::move(id), .policies = {}};
}

Checked<Documents> parse_documents(const std::string& text, const std::string& file,
                                   const std::filesystem::path& directory, References references) {
  Reader reader(file, directory);
  Documents documents;
  if (const YAML::Node root = reader.parse(text); root.IsDefined()) {
    File content;
    read_section(reader, root, "the file", Table<File>(file_keys), content);
    documents = Checks(reader, text, references).run(std::move(content));
  }
  if (!reader.problems().empty()) return std::unexpected(reader.take_problems());
  return documents;
}

Checked<Documents> load_documents(const std::filesystem::path& file, References references) {
  const auto text = read_file(file, limits::configuration_bytes_max);
  if (!text) return std::unexpected(std::vector<Error>{text.error()});
  return parse_documents(*text, file.string(), std::filesystem::absolute(file).parent_path(),
                         references);
}

std::vector<KeyText> documents_reference() {
  std::vector<KeyText> lines;
  describe_keys(Table<File>(file_keys), "", lines);
  return lines;
}

}  // namespace tidegate::config

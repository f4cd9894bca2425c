#include "cli/pki.hpp"

#include <fmt/format.h>

#include <functional>

#include "cli/files.hpp"
#include "cli/pki_make.hpp"
#include "config/region.hpp"

namespace tidegate::cli::pki {
namespace {

std::string subject_alternative_name(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    const bool address =
        config::parse_address(name + ":0") || config::parse_address("[" + name + "]:0");
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", address ? "IP" : "DNS", name);
  }
  return text;
}

bool is_plain_name(const std::string& text) {
  return !text.empty() && text.size() <= 200 && text.front() != '.' &&
         text.find("..") == std::string::npos &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || std::isdigit(c) != 0 || c == '-' || c == '_' ||
                  c == '.';
         });
}

Result<void> check_name(std::string_view what, const std::string& text) {
  if (is_plain_name(text)) return {};
  return wrong(fmt::format("{} \"{}\" cannot be part of a certificate's name", what, text),
               "it must be lower-case letters, digits, '-', '_' and '.'",
               "write it like eu-south-1 or tidegate.internal");
}

Result<Outcome> keep_or_make(const std::filesystem::path& certificate,
                             const std::filesystem::path& key,
                             const std::function<Result<Authority>()>& make) {
  if (std::filesystem::exists(certificate) && std::filesystem::exists(key)) {
    TRY_VOID(read_authority(certificate, key));
    return Outcome{certificate, Made::kept};
  }
  TRY_VOID(make_directory(certificate.parent_path()));
  TRY(const Authority made, make());
  TRY_VOID(save(made, certificate, key));
  return Outcome{certificate, Made::created};
}

}  // namespace

Result<std::vector<Outcome>> init(const Paths& paths, const std::string& operator_domain,
                                  const std::vector<std::string>& regions, WallTime now) {
  TRY_VOID(check_name("the operator's domain", operator_domain));
  std::vector<Outcome> outcomes;
  for (const std::string& region : regions) {
    TRY_VOID(check_name("the Region", region));
    TRY(auto outcome, keep_or_make(paths.region_ca(region), paths.region_ca_key(region), [&] {
          return make_region_authority(region, operator_domain, now);
        }));
    outcomes.push_back(std::move(outcome));
  }
  TRY(auto outcome,
      keep_or_make(paths.api_ca(), paths.api_ca_key(), [&] { return make_api_authority(now); }));
  outcomes.push_back(std::move(outcome));
  return outcomes;
}

Result<std::vector<Outcome>> issue(const Paths& paths, const IssueRequest& request, WallTime now) {
  TRY_VOID(check_name("the Region", request.region));
  TRY_VOID(check_name("the node", request.node));
  TRY(const auto authority,
      read_authority(paths.region_ca(request.region), paths.region_ca_key(request.region)));
  TRY(const auto trust_domain,
      trust_domain_of(authority, paths.region_ca(request.region), request.region));

  std::vector<Outcome> outcomes;
  TRY(const auto peer,
      make_leaf(authority,
                {.unit = "gateway " + request.region + "/" + request.node,
                 .names = fmt::format("URI:spiffe://{}/gw/{}", trust_domain, request.node),
                 .usages = "serverAuth,clientAuth",
                 .lifetime = request.lifetime},
                now));
  const auto peer_file = paths.peer(request.region, request.node);
  TRY_VOID(save(peer, peer_file, paths.peer_key(request.region, request.node)));
  outcomes.push_back({peer_file, Made::created});
  if (std::filesystem::exists(paths.api_ca_key())) {
    TRY(auto outcome, issue_public(paths, request, now));
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Result<Outcome> issue_public(const Paths& paths, const IssueRequest& request, WallTime now) {
  TRY_VOID(check_name("the Region", request.region));
  TRY_VOID(check_name("the node", request.node));
  for (const std::string& name : request.names) {
    if (name.find_first_of(",;\n") != std::string::npos || name.empty()) {
      return wrong(fmt::format("\"{}\" is not a host name", name),
                   "it is neither a DNS name nor an address", "write it like api.example.org");
    }
  }
  TRY(const auto api_authority, read_authority(paths.api_ca(), paths.api_ca_key()));
  TRY(const auto api, make_leaf(api_authority,
                                {.unit = "public port of " + request.region,
                                 .names = subject_alternative_name(request.names),
                                 .usages = "serverAuth",
                                 .lifetime = request.lifetime},
                                now));
  const auto api_file = paths.api(request.region, request.node);
  TRY_VOID(save(api, api_file, paths.api_key(request.region, request.node)));
  return Outcome{api_file, Made::created};
}

}  // namespace tidegate::cli::pki

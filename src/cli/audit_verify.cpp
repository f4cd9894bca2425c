// tidegate audit verify: is a log whole, and do the signatures in it hold? It needs the files and
// the trust bundles, and asks nobody.
#include <fmt/format.h>

#include "audit/verify.hpp"
#include "audit/verify_batches.hpp"
#include "cli/commands.hpp"
#include "config/region.hpp"
#include "peer/signing.hpp"
#include "store/file_disk.hpp"

namespace tidegate::cli {
namespace {

struct Options {
  std::string directory, domain = "tidegate.internal", output = "table";
  std::vector<std::string> trust;
};

class BundleTrust final : public audit::KeyTrust {
 public:
  BundleTrust(peer::TrustBundles bundles, std::string domain)
      : bundles_(std::move(bundles)),
        domain_(std::move(domain)),
        keys_(
            [this](const peer::Endorsement& one) { return peer::check(bundles_, one, domain_); }) {}
  Result<void> learn(std::string_view endorsement_json) override {
    return keys_.learn(endorsement_json);
  }
  Result<void> vouches_for(const attest::Batch& batch) const override {
    TRY_VOID(keys_.find(batch));
    return {};
  }

 private:
  peer::TrustBundles bundles_;
  std::string domain_;
  peer::KeyRing keys_;
};

Result<peer::TrustBundles> read_bundles(const Options& options) {
  peer::TrustBundles out;
  for (const std::string& text : options.trust) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::configuration, fmt::format("--trust {}: not REGION=FILE", text),
                  "Write it like eu-central-1=eu-central-1/ca.pem.");
    }
    TRY(const std::string pem,
        config::read_file(text.substr(equals + 1), limits::configuration_bytes_max));
    TRY(auto bundle, peer::TrustBundle::from_pem(pem));
    out.insert_or_assign(text.substr(0, equals), std::move(bundle));
  }
  return out;
}

json::object to_json(const audit::BatchReport::Count& count) {
  return {{"proven", count.proven}, {"pending", count.pending}, {"missing", count.missing}};
}

json::object to_json(const audit::ChainReport& chain, const audit::BatchReport& batches) {
  json::array findings;
  for (const auto& list : {chain.findings, batches.findings}) {
    for (const std::string& finding : list) findings.emplace_back(finding);
  }
  return {{"holds", chain.holds() && batches.holds()},
          {"entries", chain.entries},
          {"firstSequence", chain.first_sequence},
          {"ranges", chain.ranges},
          {"uncoveredBytes", chain.uncovered_bytes},
          {"batches", batches.batches},
          {"endorsements", batches.endorsements},
          {"attestations", to_json(batches.attestations)},
          {"tokens", to_json(batches.tokens)},
          {"unrecorded", batches.unrecorded},
          {"findings", std::move(findings)}};
}

std::string counts(const audit::BatchReport::Count& count) {
  return fmt::format("{} proven, {} pending, {} missing", count.proven, count.pending,
                     count.missing);
}

std::string view_of(const audit::ChainReport& chain, const audit::BatchReport& batches) {
  std::string out = fmt::format(
      "  chain         {}: {} entries from number {} in {} ranges, {} newest bytes not covered "
      "yet\n"
      "  batches       {} signed, {} endorsements of keys\n"
      "  attestations  {}\n"
      "  tokens        {}\n",
      chain.holds() ? "holds" : "DOES NOT HOLD", chain.entries, chain.first_sequence, chain.ranges,
      chain.uncovered_bytes, batches.batches, batches.endorsements, counts(batches.attestations),
      counts(batches.tokens));
  if (batches.unrecorded > 0) {
    out +=
        fmt::format("  unrecorded    {} signed, with no answer in a record\n", batches.unrecorded);
  }
  for (const auto& list : {chain.findings, batches.findings}) {
    for (const std::string& finding : list) out += fmt::format("! {}\n", finding);
  }
  return out + (chain.holds() && batches.holds() ? "the log holds\n" : "THE LOG DOES NOT HOLD\n");
}

Result<Exit> verify(const Options& options) {
  TRY(auto bundles, read_bundles(options));
  TRY(auto disk, store::FileDisk::open_to_read(options.directory));
  TRY(const auto names, disk->list());
  if (names.empty()) {
    return fail(ErrorCode::configuration, fmt::format("{} has no file of a log", options.directory),
                "Name the audit folder of a Region's state_dir, or a copy of it.");
  }
  TRY(const auto chain, audit::verify_chain(*disk));
  BundleTrust trust(std::move(bundles), options.domain);
  TRY(const auto batches, audit::verify_batches(*disk, trust));
  print(options.output == "json" ? line(to_json(chain, batches)) : view_of(chain, batches));
  return chain.holds() && batches.holds() ? Exit::ok : Exit::failed;
}

}  // namespace

void add_audit(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("audit", "Check an audit log's files");
  command->require_subcommand(1);
  auto* sub = command->add_subcommand(
      "verify",
      "Check the hash chain, the signatures and that every hop is attested; exit 1 if not");
  const auto options = std::make_shared<Options>();
  sub->add_option("DIR", options->directory, "The audit folder of a state_dir, or a copy of it")
      ->required();
  sub->add_option("--trust", options->trust,
                  "REGION=FILE: that Region's CA certificates; the log's own Region and every one "
                  "that it sent requests to");
  sub->add_option("--domain", options->domain, "The operator's domain")->capture_default_str();
  add_output(*sub, options->output);
  sub->callback([options, &outcome] {
    const auto code = verify(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace tidegate::cli

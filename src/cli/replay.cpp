// tidegate replay: real traffic against the running Regions, and the proof that every request has
// one record and none left its row.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "catalog/catalog.hpp"
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/replay_report.hpp"
#include "cli/replay_run.hpp"
#include "cli/views.hpp"
#include "config/region.hpp"

namespace tidegate::cli {
namespace {

using namespace replay;

constexpr int slot_context_tokens = 2'048;  // of the demo's model servers
constexpr Duration calibration_length = 12s;
constexpr std::size_t calibration_requests_max = 400;
constexpr double rate_max = 100;          // one client process, a connection a request
constexpr Duration records_within = 30s;  // a source that was killed at the end may need a moment
constexpr std::size_t trace_bytes_max = 64 * 1024 * 1024;

struct Options {
  std::string trace, from, home, profile = "eu.amazon.nova-2-lite-v1:0", key = "demo", compare;
  double minutes = 2, load = 0.7;
  std::uint64_t seed = 1;
};

std::unexpected<Error> wrong(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}

// What env.json of a running demo says.
struct Deployment {
  json::object regions, keys;
  std::string text(const json::object& owner, const std::string& name,
                   const std::string& member) const {
    const auto* object = json::find_object(owner, name);
    return object ? std::string(json::find_string(*object, member).value_or("")) : "";
  }
};

Result<Deployment> find_deployment(const Options& options) {
  std::string home = options.home;
  if (const char* from_environment = std::getenv("TIDEGATE_HOME"); home.empty() && from_environment)
    home = from_environment;
  const std::string mend = "start the Regions (./do run), then eval \"$(./do env)\"";
  if (home.empty())
    return wrong("the running Regions are not known", "neither --home nor TIDEGATE_HOME is set",
                 mend);
  const auto text = config::read_file(home + "/env.json", 1024 * 1024);
  if (!text) return wrong("no Regions run in " + home, text.error().message, mend);
  TRY(const auto parsed, json::parse(*text));
  const auto* root = parsed.if_object();
  const auto* regions = root ? json::find_object(*root, "regions") : nullptr;
  const auto* keys = root ? json::find_object(*root, "keys") : nullptr;
  if (!regions || !keys)
    return wrong(home + "/env.json is not what `tidegate dev` writes",
                 "regions or keys are missing", mend);
  return Deployment{*regions, *keys};
}

class Replay {
 public:
  Replay(const Options& options, Deployment deployment, std::vector<TraceRequest> trace)
      : options_(options),
        deployment_(std::move(deployment)),
        trace_(std::move(trace)),
        rng_(options.seed) {}

  Result<Exit> run() {
    TRY_VOID(find_row());
    TRY_VOID(find_caller());
    factor_ = length_factor(trace_, slot_context_tokens);
    TRY(const double capacity, calibrate());
    rate_ = std::min(rate_max, options_.load * capacity);
    const auto planned =
        plan(trace_, factor_, rate_, Duration(static_cast<std::int64_t>(options_.minutes * 60e9)));
    announce(planned, capacity);
    TRY(const Tally pooled, one_run(options_.profile, planned, row_));
    print(report_text(pooled, options_.from, deployed_));
    bool holds = pooled.records_hold() && pooled.fence_holds();
    if (!options_.compare.empty()) {
      TRY(const bool compared, compare(planned, pooled));
      holds = holds && compared;
    }
    return holds ? Exit::ok : Exit::failed;
  }

 private:
  // The built-in catalogue is asked, not the gateway: it is the gateway that is checked.
  Result<void> find_row() {
    const auto* profile = catalog_->profile(options_.profile);
    const auto* row = profile ? profile->row(catalog::RegionId(options_.from)) : nullptr;
    if (!row) {
      return wrong(fmt::format("{} has no row for {}", options_.profile, options_.from),
                   "the catalogue lists no such source",
                   "choose another --profile or --from: tidegate route PROFILE --from REGION");
    }
    model_id_ = profile->model_id;
    for (const auto& destination : row->destinations()) {
      const std::string& name = destination.region().str();
      row_.insert(name);
      if (deployment_.regions.contains(name)) deployed_.insert(name);
    }
    return {};
  }

  Result<void> find_caller() {
    caller_.endpoint = Endpoint::parse(deployment_.text(deployment_.regions, options_.from, "url"));
    caller_.region = options_.from;
    caller_.credentials = {deployment_.text(deployment_.keys, options_.key, "access_key_id"),
                           deployment_.text(deployment_.keys, options_.key, "secret_access_key")};
    if (caller_.endpoint.host.empty())
      return wrong(options_.from + " does not run here", "env.json has no such Region",
                   "choose another --from");
    if (caller_.credentials.key_id.empty())
      return wrong("no key \"" + options_.key + "\"", "env.json has no such key", "--key demo");
    return {};
  }

  Result<std::size_t> slots() const {
    std::size_t all = 0;
    for (const std::string& region : deployed_) {
      TRY(const auto status,
          admin_get(deployment_.text(deployment_.regions, region, "admin_socket"), "/v1/status"));
      const auto* backends =
          status.is_object() ? json::find_array(status.get_object(), "backends") : nullptr;
      for (const auto& backend : backends ? *backends : json::array()) {
        if (backend.is_object())
          all +=
              static_cast<std::size_t>(json::find_int(backend.get_object(), "slots").value_or(0));
      }
    }
    return std::max<std::size_t>(all, 1);
  }

  // What the row's deployed Regions can answer together: all their slots kept busy with the trace's
  // own requests.
  Result<double> calibrate() {
    TRY(at_once_, slots());
    note(fmt::format("measuring the capacity of {} for {} s, {} requests at once ...",
                     fmt::join(deployed_, ", "), static_cast<int>(seconds(calibration_length)),
                     at_once_));
    name_run();
    auto sample = plan(trace_, factor_, static_cast<double>(calibration_requests_max), 1s);
    const RunResult result =
        run_closed(caller_, options_.profile, sample, at_once_, calibration_length, rng_);
    calibrated_ = static_cast<std::size_t>(
        std::ranges::count(result.observations, Ending::answered, &Observation::ending));
    if (calibrated_ == 0) {
      return wrong(
          "no request was answered while the capacity was measured",
          result.observations.empty() ? "none was sent" : result.observations.front().error,
          "tidegate status");
    }
    return static_cast<double>(calibrated_) / result.seconds;
  }

  void announce(const std::vector<Planned>& planned, double capacity) const {
    double prompts = 0, answers = 0;
    for (const Planned& one : planned) {
      prompts += one.prompt_tokens;
      answers += one.answer_tokens;
    }
    const auto count = static_cast<double>(planned.size());
    const auto reused =
        planned.size() > trace_.size() ? fmt::format(" (of {}, over and over)", trace_.size()) : "";
    print(
        fmt::format("Replay of {} from {}\n", options_.trace, with_city(options_.from, *catalog_)));
    print(fmt::format("  profile    {}: its row is {}; deployed here: {}\n", options_.profile,
                      fmt::join(row_, ", "), fmt::join(deployed_, ", ")));
    print(
        fmt::format("  lengths    x {:.3f}, so that the trace's largest request fits into {} "
                    "tokens; mean {:.0f} in, {:.0f} out; prompts all different\n",
                    factor_, slot_context_tokens, prompts / count, answers / count));
    print(fmt::format(
        "  rate       {:.2f} requests/s = {:.2f} of {:.2f}/s, measured just now with {} answers, "
        "{} at once{}\n",
        rate_, options_.load, capacity, calibrated_, at_once_,
        rate_ == rate_max ? fmt::format("; held to {:.0f}/s, this client's bound", rate_max) : ""));
    print(fmt::format("  arrivals   {} requests in {:.1f} min, the trace's pattern{}\n\n",
                      planned.size(), options_.minutes, reused));
    std::fflush(stdout);
  }

  // Each run has a name in its user agent; its records are found by it.
  void name_run() {
    SystemRng random;
    caller_.user_agent = "tidegate-replay/" + make_uuid(random);
  }

  Result<Tally> one_run(const std::string& model, const std::vector<Planned>& planned,
                        const std::set<std::string>& row) {
    name_run();
    const WallTime since = SystemClock().wall() - std::chrono::seconds(1);
    const RunResult result = run_open(caller_, model, planned, rng_, show_progress);
    if (is_terminal(STDERR_FILENO)) fmt::print(stderr, "\r\033[K");
    TRY(const auto records, records_since(since));
    return tally(result.observations, records, options_.from, row, result.seconds);
  }

  static void show_progress(const replay::Progress& progress) {
    if (!is_terminal(STDERR_FILENO)) return;
    constexpr std::size_t width = 40;
    const std::size_t done = progress.planned ? progress.ended * width / progress.planned : width;
    fmt::print(stderr, "\r[{:=<{}}{: <{}}] {}/{} ended, {} running ", "", done, "", width - done,
               progress.ended, progress.planned, progress.offered - progress.ended);
  }

  Result<std::vector<RecordFacts>> records_since(WallTime since) const {
    SystemClock clock;
    const MonoTime give_up = clock.mono() + records_within;
    for (;;) {
      auto records = lookup_records(caller_, since);
      if (records || clock.mono() >= give_up) return records;
      ::usleep(500'000);
    }
  }

  Result<bool> compare(const std::vector<Planned>& planned, const Tally& pooled) {
    print(fmt::format("\nThe same arrivals in {} alone ({})\n", with_city(options_.from, *catalog_),
                      model_id_));
    TRY(const Tally single, one_run(model_id_, planned, {options_.from}));
    print(report_text(single, options_.from, {options_.from}));
    print(fmt::format("\n{}", comparison_text(pooled, single)));
    TRY_VOID(print_links(pooled));
    const Advantage advantage = advantage_of(pooled, single);
    static constexpr std::string_view words[] = {
        "holds", "not told apart: the source alone carries this load too; raise --load", "BROKEN"};
    print(fmt::format("  pooled throughput beats the source alone   {:.2f} > {:.2f}   {}\n",
                      pooled.throughput(), single.throughput(),
                      words[static_cast<std::size_t>(advantage)]));
    return advantage != Advantage::missing && single.records_hold() && single.fence_holds();
  }

  // What another Region costs: the links' own round trips, and what clients saw.
  Result<void> print_links(const Tally& pooled) const {
    TRY(const auto status,
        admin_get(deployment_.text(deployment_.regions, options_.from, "admin_socket"),
                  "/v1/status"));
    std::vector<std::string> links;
    const auto* peers =
        status.is_object() ? json::find_array(status.get_object(), "peers") : nullptr;
    for (const auto& peer : peers ? *peers : json::array()) {
      if (!peer.is_object() || json::find_string(peer.get_object(), "link") != "up") continue;
      links.push_back(fmt::format("{} {:.2f} ms",
                                  json::find_string(peer.get_object(), "region").value_or("?"),
                                  json::find_number(peer.get_object(), "rttMs").value_or(0)));
    }
    print(fmt::format("\n  added inter-Region latency: round trips {}",
                      links.empty() ? "not measured" : fmt::format("{}", fmt::join(links, ", "))));
    if (pooled.first_token_home.count > 0 && pooled.first_token_abroad.count > 0) {
      print(fmt::format("; first token p50 {} at home, {} abroad",
                        short_duration(pooled.first_token_home.p50),
                        short_duration(pooled.first_token_abroad.p50)));
    }
    print("\n");
    return {};
  }

  const Options& options_;
  Deployment deployment_;
  std::vector<TraceRequest> trace_;
  SeededRng rng_;
  std::shared_ptr<const catalog::Catalog> catalog_ = catalog::Catalog::built_in();
  Caller caller_;
  std::string model_id_;
  std::set<std::string> row_, deployed_;
  double factor_ = 1, rate_ = 0;
  std::size_t at_once_ = 1, calibrated_ = 0;
};

Result<Exit> run(const Options& options) {
  TRY(const auto text, config::read_file(options.trace, trace_bytes_max));
  TRY(auto trace, parse_trace(text, options.trace));
  TRY(auto deployment, find_deployment(options));
  return Replay(options, std::move(deployment), std::move(trace)).run();
}

}  // namespace

void add_replay(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("replay",
                                     "Replay a public trace against the running Regions; fails if "
                                     "a record is missing or the row was left");
  const auto options = std::make_shared<Options>();
  command->add_option("--trace", options->trace, "CSV: TIMESTAMP,ContextTokens,GeneratedTokens")
      ->required();
  command->add_option("--from", options->from, "The source Region")->required();
  command->add_option("--minutes", options->minutes, "How long")
      ->check(CLI::Range(0.05, 1440.0))
      ->capture_default_str();
  command
      ->add_option("--load", options->load,
                   "Share of the measured capacity of the row's deployed Regions")
      ->check(CLI::Range(0.01, 10.0))
      ->capture_default_str();
  command->add_option("--profile", options->profile, "Inference profile")->capture_default_str();
  command
      ->add_option("--compare", options->compare,
                   "in-region: the same load again, in the source Region alone")
      ->check(CLI::IsMember({"in-region"}));
  command->add_option("--key", options->key, "Which of env.json's keys")->capture_default_str();
  command->add_option("--seed", options->seed, "Of the prompts")->capture_default_str();
  command->add_option("--home", options->home,
                      "The folder of `tidegate dev` (default: $TIDEGATE_HOME)");
  command->callback([options, &outcome] {
    const auto code = run(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace tidegate::cli

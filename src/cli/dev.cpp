// tidegate dev: several Regions on one host, each with its own gateway, model server, certificates
// and records, started, watched and ended together.
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "admin/admin_api.hpp"
#include "catalog/catalog.hpp"
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/dev_layout.hpp"
#include "cli/files.hpp"
#include "cli/supervisor.hpp"
#include "config/documents.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration tick_interval = 100ms;
constexpr Duration ready_within = 60s;
constexpr int deaths_before_ready_max = 5;
constexpr Duration gateway_patience = limits::drain_timeout + 3s;
constexpr Duration model_patience = 3s;
constexpr std::size_t tail_lines = 20;

std::unexpected<Error> wrong(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}

// One `tidegate dev` a state directory: the lock goes with the process, however it ends.
Result<int> lock(const fs::path& state) {
  const fs::path file = state / "dev.lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return wrong(fmt::format("{} is in use", state.string()), "another `tidegate dev` runs there",
               "stop it, or choose another folder: --state");
}

Result<void> check_ports(const DevLayout& layout) {
  for (const DevRegion& region : layout.regions) {
    const std::pair<std::uint16_t, std::string_view> ports[] = {
        {region.api_port, "clients"},
        {region.peer_port, "other Regions"},
        {region.model_port, "the model server"}};
    for (const auto& [port, use] : ports) {
      if (port_is_free(port)) continue;
      return wrong(
          fmt::format("port {} is taken ({} of {})", port, use, region.name),
          "another process listens on it",
          fmt::format("end that process (ss -ltnp 'sport = :{}'), or move all ports: --base-port",
                      port));
    }
  }
  return {};
}

std::string tail_of(const fs::path& file) {
  const auto text = config::read_file(file, 64 * 1024 * 1024);
  if (!text) return {};
  std::size_t at = text->size();
  for (std::size_t lines = 0; at > 0 && lines <= tail_lines; --at)
    lines += (*text)[at - 1] == '\n' ? 1 : 0;
  return text->substr(at == 0 ? 0 : at + 1);
}

class Dev {
 public:
  Dev(DevOptions options, DevLayout layout)
      : options_(std::move(options)), layout_(std::move(layout)), supervisor_(clock_) {}

  Exit run(const std::string& self) {
    block_signals();
    if (auto added = add_programs(self); !added) return report(added.error());
    const MonoTime started = clock_.mono();
    std::vector<Progress> progress(layout_.regions.size());
    for (bool ready = false;;) {
      supervisor_.tick();
      if (!ready &&
          std::ranges::all_of(progress, [](const Progress& p) { return p.healthy && p.applied; })) {
        ready = true;
        if (auto written =
                write_file(options_.state / "env.json", dev_environment(layout_), private_mode);
            !written)
          return stop(report(written.error()));
        banner(clock_.mono() - started);
      }
      if (!ready) {
        if (auto advanced = advance(progress, started); !advanced)
          return stop(report(advanced.error()));
      }
      if (wait_for_signal(tick_interval)) return stop(Exit::ok);
    }
  }

 private:
  struct Progress {
    bool applied = false, healthy = false;
  };

  void block_signals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&signals_, signal);
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
  }

  // True if it is one that ends us.
  bool wait_for_signal(Duration at_most) {
    const timespec wait{.tv_sec = 0, .tv_nsec = static_cast<long>(at_most.count())};
    const int signal = ::sigtimedwait(&signals_, nullptr, &wait);
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
  }

  Result<void> add_programs(const std::string& self) {
    for (const DevRegion& region : layout_.regions) {
      TRY_VOID(supervisor_.add({.name = region.name + " model server",
                                .command = {options_.python, options_.model_server, "--port",
                                            std::to_string(region.model_port), "--slots",
                                            std::to_string(options_.slots)},
                                .log = region.folder / "model.log"}));
      TRY_VOID(supervisor_.add({.name = gateway_of(region),
                                .command = {self, "serve", "-c", region.config().string()},
                                .log = region.folder / "gateway.log"}));
    }
    return {};
  }

  static std::string gateway_of(const DevRegion& region) { return region.name + " gateway"; }

  // One step towards every Region serving: documents once its socket is there, then its health.
  Result<void> advance(std::vector<Progress>& progress, MonoTime started) {
    for (std::size_t i = 0; i < progress.size(); ++i) {
      const DevRegion& region = layout_.regions[i];
      if (!progress[i].applied && fs::exists(region.admin_socket())) {
        TRY(progress[i].applied, apply_documents(region));
      }
      if (!progress[i].healthy) progress[i].healthy = is_healthy(region);
      if (progress[i].healthy && progress[i].applied) continue;
      const int deaths = supervisor_.deaths(gateway_of(region)) +
                         supervisor_.deaths(region.name + " model server");
      if (deaths >= deaths_before_ready_max || clock_.mono() - started > ready_within)
        return not_ready(region);
    }
    return {};
  }

  std::unexpected<Error> not_ready(const DevRegion& region) const {
    return wrong(
        fmt::format("{} did not become ready", region.name),
        fmt::format("the ends of its logs:\n--- gateway.log\n{}--- model.log\n{}---",
                    tail_of(region.folder / "gateway.log"), tail_of(region.folder / "model.log")),
        "mend what the logs complain of, and start again");
  }

  // False: not yet. An answer that is an error will not become better.
  Result<bool> apply_documents(const DevRegion& region) const {
    const auto documents = config::load_documents(layout_.documents, config::References::closed);
    if (!documents) return fail(documents.error().front());
    const auto applied = admin_post(region.admin_socket().string(), "/v1/documents",
                                    admin::documents_to_json(*documents));
    if (applied) return true;
    if (applied.error().code == ErrorCode::peer_unavailable) return false;
    return fail(applied.error());
  }

  // It answers, and from its own model server: a Region whose model still loads serves through its
  // peers, which is not what a newcomer should meet first.
  static bool is_healthy(const DevRegion& region) {
    const http::RequestHead head{
        .method = "GET", .target = "/health", .authority = {}, .headers = {{"host", "localhost"}}};
    const auto answer = call({.socket = {}, .host = "127.0.0.1", .port = region.api_port}, head, "",
                             {.connect = 500ms, .idle = 1s});
    if (!answer || answer->head.status != 200) return false;
    const auto health = json::parse(answer->body);
    const json::object* body = health ? health->if_object() : nullptr;
    return body && body->contains("backends") && body->at("backends") == body->at("backendsReady");
  }

  void banner(Duration took) const {
    const auto catalog = catalog::Catalog::built_in();
    Table table({"REGION", "CITY", "CLIENTS", "TLS", "LOGS"});
    for (const DevRegion& region : layout_.regions) {
      table.add({region.name, catalog->region(catalog::RegionId(region.name))->city,
                 fmt::format("http://127.0.0.1:{}", region.api_port),
                 fmt::format("https://localhost:{}", region.api_port), region.folder.string()});
    }
    print(fmt::format(
        "\n{} Regions are up, after {:.1f} s. Every model id is served by a small real model, and "
        "every answer says so.\n\n{}\n"
        "In another terminal:\n"
        "  eval \"$(./do env)\"\n"
        "  python3 examples/converse.py\n"
        "  tidegate status\n"
        "  tidegate route eu.amazon.nova-2-lite-v1:0 --from {}\n\n"
        "Ctrl-C ends everything.\n",
        layout_.regions.size(), seconds(took), table.text("  "), layout_.regions.front().name));
    std::fflush(stdout);
  }

  // Gateways first, so that what they serve can finish; then the model servers.
  Exit stop(Exit code) {
    note("stopping: what runs may finish");
    std::error_code absent;
    fs::remove(options_.state / "env.json", absent);
    supervisor_.stop("gateway", gateway_patience);
    supervisor_.stop("model server", model_patience);
    fs::remove(options_.state / "dev.pid", absent);
    return code;
  }

  DevOptions options_;
  DevLayout layout_;
  SystemClock clock_;
  Supervisor supervisor_;
  sigset_t signals_{};
};

Result<std::string> own_path() {
  std::error_code error;
  const auto path = fs::read_symlink("/proc/self/exe", error);
  if (error) return wrong("this program's own path is unknown", error.message(), "mount /proc");
  return path.string();
}

Result<Exit> run(DevOptions options) {
  options.state = fs::absolute(options.state).lexically_normal();
  for (const std::string& file : {options.python, options.model_server}) {
    if (!fs::exists(file))
      return wrong(file + " does not exist", "the Regions need a model server",
                   "check --python and --model-server (./do run sets them)");
  }
  TRY(auto layout, plan_dev(options));
  TRY_VOID(make_directory(options.state));
  TRY(const int held, lock(options.state));
  static_cast<void>(held);  // until this process ends
  TRY_VOID(check_ports(layout));
  SystemRng rng;
  TRY_VOID(lay_down(options, layout, rng, SystemClock().wall()));
  std::error_code absent;
  fs::remove(options.state / "env.json", absent);  // it is there while the Regions can be used
  TRY_VOID(write_file(options.state / "dev.pid", std::to_string(::getpid()) + "\n", public_mode));
  TRY(const auto self, own_path());
  return Dev(std::move(options), std::move(layout)).run(self);
}

}  // namespace

void add_dev(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("dev", "Run several Regions on this host, with a small real model each");
  const auto options = std::make_shared<DevOptions>();
  options->regions = {"eu-south-1", "eu-central-1", "eu-west-1", "eu-west-2"};
  command->add_option("--state", options->state, "Folder for everything that they write")
      ->required();
  command
      ->add_option("--python", options->python,
                   "Python interpreter with the model server's packages")
      ->required();
  command
      ->add_option("--model-server", options->model_server, "Script that takes --port and --slots")
      ->required();
  command->add_option("--regions", options->regions, "Which Regions")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--base-port", options->base_port,
                   "Clients at +1.., other Regions at +101.., model servers at +301..")
      ->capture_default_str();
  command->add_option("--slots", options->slots, "Requests that each model server runs at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->callback([options, &outcome] {
    const auto code = run(*options);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace tidegate::cli

#include "cli/replay_run.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace tidegate::cli::replay {
namespace {

constexpr std::size_t threads_max = 512;
constexpr Duration progress_interval = 250ms;

struct Job {
  std::string prompt;
  int answer_tokens = 1;
  MonoTime due{};
};

// Threads that take jobs; one more is made when a job finds none idle.
class Pool {
 public:
  Pool(const Caller& caller, const std::string& model_id) : caller_(caller), model_id_(model_id) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { finish(); }

  void add(Job job) {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
    if (idle_ < jobs_.size() && threads_.size() < threads_max)
      threads_.emplace_back([this] { work(); });
    wake_.notify_one();
  }

  std::size_t ended() {
    const std::scoped_lock lock(mutex_);
    return observations_.size();
  }

  // Waits for everything that was added.
  void finish() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
      wake_.notify_all();
    }
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  std::vector<Observation> take() { return std::move(observations_); }
  Duration latest() const { return latest_; }

 private:
  void work() {
    SystemClock clock;
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
      --idle_;
      if (jobs_.empty()) return;
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      latest_ = std::max(latest_, clock.mono() - job.due);
      lock.unlock();
      Observation seen = converse_stream(caller_, model_id_, job.prompt, job.answer_tokens);
      lock.lock();
      observations_.push_back(std::move(seen));
    }
  }

  const Caller& caller_;
  const std::string& model_id_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::vector<std::thread> threads_;
  std::vector<Observation> observations_;
  std::size_t idle_ = 0;
  bool closed_ = false;
  Duration latest_{0};
};

}  // namespace

RunResult run_open(const Caller& caller, const std::string& model_id,
                   const std::vector<Planned>& plan, Rng& rng, const OnProgress& on_progress) {
  SystemClock clock;
  Pool pool(caller, model_id);
  const MonoTime start = clock.mono();
  MonoTime next_progress = start;
  const auto wait_until = [&](MonoTime when, std::size_t offered) {
    for (;;) {
      const MonoTime now = clock.mono();
      if (now >= next_progress) {
        on_progress({offered, pool.ended(), plan.size()});
        next_progress = now + progress_interval;
      }
      if (now >= when) return;
      std::this_thread::sleep_for(std::min<Duration>(when - now, progress_interval));
    }
  };
  for (std::size_t i = 0; i < plan.size(); ++i) {
    Job job{.prompt = make_prompt(plan[i].prompt_tokens, rng),
            .answer_tokens = plan[i].answer_tokens,
            .due = start + plan[i].at};
    wait_until(job.due, i);
    pool.add(std::move(job));
  }
  while (pool.ended() < plan.size())
    wait_until(clock.mono() + progress_interval, plan.size());  // each call has its time-outs
  const double took = seconds(clock.mono() - start);
  on_progress({plan.size(), plan.size(), plan.size()});
  pool.finish();
  return {.observations = pool.take(), .seconds = took, .latest = pool.latest()};
}

RunResult run_closed(const Caller& caller, const std::string& model_id,
                     const std::vector<Planned>& plan, std::size_t at_once, Duration length,
                     Rng& rng) {
  SystemClock clock;
  std::mutex mutex;
  std::size_t next = 0;
  std::vector<Observation> observations;
  const MonoTime start = clock.mono();
  const auto work = [&] {
    for (;;) {
      std::unique_lock lock(mutex);
      if (next == plan.size() || clock.mono() - start >= length) return;
      const Planned one = plan[next++];
      const std::string prompt = make_prompt(one.prompt_tokens, rng);
      lock.unlock();
      Observation seen = converse_stream(caller, model_id, prompt, one.answer_tokens);
      lock.lock();
      observations.push_back(std::move(seen));
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(at_once, threads_max); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return {.observations = std::move(observations),
          .seconds = seconds(clock.mono() - start),
          .latest = {}};
}

}  // namespace tidegate::cli::replay

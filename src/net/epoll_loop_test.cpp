#include "net/epoll_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "net/watchdog.hpp"
#include "net/worker_thread.hpp"

namespace tidegate::net {
namespace {

TEST(TimerHeap, FiresInOrderAndForgetsTheCancelled) {
  TimerHeap heap;
  std::vector<int> fired;
  std::vector<TimerId> ids;
  for (int i = 0; i < 100; ++i) {
    const int key = (i * 37) % 100;
    ids.push_back(heap.add(MonoTime(Duration(key)), [&fired, key] { fired.push_back(key); }));
  }
  for (int i = 0; i < 100; i += 3) heap.cancel(ids[static_cast<std::size_t>(i)]);
  for (int i = 0; i < 100; i += 3) heap.cancel(ids[static_cast<std::size_t>(i)]);  // harmless
  heap.cancel(0);
  heap.cancel(12'345);
  while (!heap.empty()) heap.pop()();
  EXPECT_EQ(fired.size(), 66u);
  EXPECT_TRUE(std::ranges::is_sorted(fired));
}

TEST(TimerHeap, AnOldIdDoesNotCancelTheSlotsNewTimer) {
  TimerHeap heap;
  const TimerId old = heap.add(MonoTime(Duration(1)), [] {});
  heap.pop()();
  bool fired = false;
  heap.add(MonoTime(Duration(2)), [&] { fired = true; });
  heap.cancel(old);
  ASSERT_FALSE(heap.empty());
  heap.pop()();
  EXPECT_TRUE(fired);
}

TEST(TimerHeap, KeepsTheOrderOfEqualTimes) {
  TimerHeap heap;
  std::vector<int> fired;
  for (int i = 0; i < 20; ++i) heap.add(MonoTime(Duration(1)), [&fired, i] { fired.push_back(i); });
  while (!heap.empty()) heap.pop()();
  EXPECT_TRUE(std::ranges::is_sorted(fired));
}

Task<void> sleep_twice(EpollLoop* loop, std::vector<Duration>* slept) {
  for (const auto duration : {20ms, 5ms}) {
    const MonoTime start = loop->now();
    co_await sleep_for(*loop, duration);
    slept->push_back(loop->now() - start);
  }
}

TEST(EpollLoop, SleepsNoShorterThanAsked) {
  EpollLoop loop;
  std::vector<Duration> slept;
  run_to_end(loop, sleep_twice(&loop, &slept));
  ASSERT_EQ(slept.size(), 2u);
  EXPECT_GE(slept[0], 20ms);
  EXPECT_GE(slept[1], 5ms);
  EXPECT_LT(slept[0] + slept[1], 500ms);
}

TEST(EpollLoop, TakesWorkFromManyThreads) {
  WorkerThread worker("posts");
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) worker.loop().post([&] { ++done; });
    });
  }
  for (auto& thread : threads) thread.join();
  worker.call([] {});
  EXPECT_EQ(done, 4'000);
  EXPECT_EQ(worker.call([] { return 42; }), 42);
  EXPECT_THROW(worker.call([]() -> int { throw std::runtime_error("no"); }), std::runtime_error);
}

TEST(EpollLoop, WorkThatPostsWorkDoesNotStarveTimers) {
  EpollLoop loop;
  int posts = 0;
  std::function<void()> again = [&] {
    ++posts;
    loop.post([&] { again(); });
  };
  loop.post([&] { again(); });
  loop.call_at(loop.now() + 10ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_GT(posts, 10);
}

Task<void> move_deadline(EpollLoop* loop, int* barks) {
  Watchdog dog(*loop, [barks] { ++*barks; });
  for (int i = 0; i < 5; ++i) {  // each step is in time
    dog.expect_within(40ms);
    co_await sleep_for(*loop, 15ms);
  }
  EXPECT_EQ(*barks, 0);
  dog.expect_within(10ms);  // an earlier deadline than the one that is armed
  co_await sleep_for(*loop, 30ms);
  EXPECT_EQ(*barks, 1);
  dog.expect_within(10ms);
  dog.rest();
  co_await sleep_for(*loop, 30ms);
  EXPECT_EQ(*barks, 1);
}

TEST(Watchdog, BarksOnlyWhenADeadlinePassed) {
  EpollLoop loop;
  int barks = 0;
  run_to_end(loop, move_deadline(&loop, &barks));
}

}  // namespace
}  // namespace tidegate::net

#include "base/loop.hpp"

namespace tidegate {

Task<Wake> Event::wait_until(MonoTime deadline, Cancellation* cancellation) {
  if (std::exchange(set_, false)) co_return Wake::signalled;
  if (cancellation && cancellation->requested()) co_return Wake::cancelled;
  Wake why = Wake::signalled;
  const TimerId timer = loop_.call_at(deadline, [this, &why] {
    why = Wake::timed_out;
    set();
  });
  {
    Cancellation::Callback on_cancel(cancellation, [this, &why] {
      why = Wake::cancelled;
      set();
    });
    co_await wait();
  }
  loop_.cancel(timer);
  co_return why;
}

Task<Wake> sleep_for(Loop& loop, Duration duration, Cancellation* cancellation) {
  Event never(loop);
  co_return co_await never.wait_until(loop.now() + duration, cancellation);
}

}  // namespace tidegate

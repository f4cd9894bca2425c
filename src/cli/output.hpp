// What commands print: data on standard output, messages on standard error, tables for people, no
// colour where no one would see it, and exit codes that scripts may rely on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace tidegate::cli {

enum class Exit : std::uint8_t {
  ok = 0,
  failed = 1,  // a check or an operation
  usage = 2,   // or cancelled
  differs = 3,
  unidentified = 4,  // not authenticated, or not authorized to use the socket
  unreachable = 5,
  refused = 6,  // by the fence or a policy
};
Exit exit_of(const Error& error);

// Three lines on standard error: error[CODE]: what / why / mend. Returns exit_of(error).
Exit report(const Error& error);
std::string described(const Error& error);

void print(std::string_view text);           // on standard output
void note(std::string_view text);            // on standard error, with a newline
std::string line(const json::value& value);  // as JSON
bool is_terminal(int fd);

// Left-aligned columns, two spaces apart; the width of a cell is its number of characters.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text(std::string_view indent = {}) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "1.2 ms", "12 ms", "1.4 s", "3 min", "2 d".
std::string short_duration(double seconds);

}  // namespace tidegate::cli

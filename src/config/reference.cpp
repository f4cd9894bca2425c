#include "config/reference.hpp"

#include <fmt/format.h>

#include "config/documents.hpp"
#include "config/region.hpp"

namespace tidegate::config {
namespace {

// "|" would end the cell.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

std::string section(std::string_view title, const std::vector<KeyText>& keys) {
  std::string out =
      fmt::format("\n## {}\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n", title);
  for (const KeyText& key : keys) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", key.path, cell(key.type), cell(key.standard),
                       cell(key.meaning));
  }
  return out;
}

}  // namespace

std::string reference_markdown() {
  return "# Configuration\n\n"
         "Made by `tidegate check --print-reference` from the tables that read the files.\n\n"
         "`tidegate check -c FILE -f DOCUMENTS` tells every mistake with its line, its reason and "
         "its mend. An unknown key is\n"
         "an error. A value may hold `${env:NAME}` or `${file:PATH}`. Relative paths begin at the "
         "file's own folder.\n" +
         section("tidegate.yaml, one a gateway", region_reference()) +
         "\nA changed file needs a restart.\n" +
         section("Documents, for `tidegate apply -f`", documents_reference()) +
         "\nDocuments are added or replaced by name, ARN and key id, all of a file or nothing; "
         "they take effect at once.\n";
}

}  // namespace tidegate::config

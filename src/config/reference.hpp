// docs/reference/configuration.md, made from the tables that read the files, so that it cannot say
// anything else.
#pragma once

#include <string>

namespace tidegate::config {

std::string reference_markdown();

}  // namespace tidegate::config

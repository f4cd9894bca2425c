// Documents as text: the YAML file that `tidegate apply -f` and `tidegate check -f` read, and the
// JSON of POST /v1/documents, which the same command sends and the admin API reads.
#pragma once

#include <filesystem>
#include <string>

#include "config/region.hpp"
#include "gateway/documents.hpp"

namespace tidegate::config {

// closed: every policy and principal that the file names is in it. open: what is not in it may be
// in the store (the gateway checks that when it is applied).
enum class References : std::uint8_t { closed, open };

Checked<gateway::Documents> parse_documents(const std::string& text, const std::string& file,
                                            const std::filesystem::path& directory,
                                            References references);
Checked<gateway::Documents> load_documents(const std::filesystem::path& file,
                                           References references);

// Every key of the file, for the reference.
std::vector<KeyText> documents_reference();

// A principal's ARN must be arn:PARTITION:iam::ACCOUNT:user/NAME or :role/NAME; the account is
// filled in, and a user id that is the same for the same ARN. nullopt: it is not one.
std::optional<identity::PrincipalRecord> principal_of(std::string_view arn);

}  // namespace tidegate::config

// The audit log's Disk on a folder of files. The folder is held open and locked: two gateways never
// write the same log, and moving the folder does not move the log. Files are readable by their
// owner only (0600); making and removing one is synced into the folder before the call returns.
#pragma once

#include <memory>
#include <string>

#include "audit/log.hpp"
#include "base/descriptor.hpp"

namespace tidegate::store {

class FileDisk final : public audit::Disk {
 public:
  // Makes `folder` (0700) if it is not there; its parent must be. Errors: audit_unavailable.
  static Result<std::unique_ptr<FileDisk>> open(const std::string& folder);
  // To look only: no lock, so a gateway may be writing it. Errors: audit_unavailable.
  static Result<std::unique_ptr<FileDisk>> open_to_read(const std::string& folder);

  Result<std::unique_ptr<audit::Disk::File>> open_append(const std::string& name) override;
  Result<std::string> read(const std::string& name, std::uint64_t offset,
                           std::size_t bytes) override;
  Result<std::uint64_t> size(const std::string& name) override;
  Result<std::vector<std::string>> list() override;
  Result<void> remove(const std::string& name) override;
  Result<void> truncate(const std::string& name, std::uint64_t size) override;

 private:
  explicit FileDisk(Descriptor folder) : folder_(std::move(folder)) {}
  Descriptor folder_;
};

}  // namespace tidegate::store

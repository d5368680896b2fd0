# Where several nodes without shared file storage differ from Redmine as everybody knows it.

Redmine::Plugin.register :farm do
  name "Farm"
  description "Keeps out files, which would lie on one node only and be missing on the others"
  version "1"
end

# A file may come by a form, the REST API or a copied issue: it always ends here.
Attachment.validate(on: :create) { errors.add(:base, l(:text_farm_uploads_off)) }

# An import is a file as well, which the next step looks for on whatever node it comes to.
ImportsController.prepend_before_action { render_error(message: :text_farm_imports_off, status: 403) }

# Requests stand in nginx's log, and the edge asks every two seconds.
Rails.logger.level = Logger::WARN

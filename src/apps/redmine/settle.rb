# What the farm decides in Redmine's own database: the administrator's password, first data, settings. Run by setup.rb.

require "active_support"
require "json"

# As Rails' own tasks do: not all of the code is needed here.
ActiveSupport.on_load(:before_initialize) { config.eager_load = false }
require "/usr/share/redmine/config/environment"

# Redmine's migrations make this account, with a password that everybody knows and has to be changed at the first login.
def settle_administrator(password)
  user = User.find_by_login("admin") or abort "there is no account admin"
  return if user.check_password?(password) && !user.must_change_passwd

  user.password = user.password_confirmation = password
  user.must_change_passwd = false
  # An address of nobody's: no mail goes there.
  user.mail_notification = "none" if user.mail == "admin@example.net"
  user.save!
  warn "password of admin changed"
end

def settle_setting(name, value)
  return if Setting[name] == value

  Setting[name] = value
  Setting[name] == value or abort "Redmine refuses #{value.inspect} for its setting #{name}"
  warn "setting #{name} changed"
end

wanted = JSON.parse(File.read("/etc/redmine/farm/settings.json"))
settle_administrator(File.read(File.join(ENV.fetch("CREDENTIALS_DIRECTORY"), "admin")).strip)
begin
  Redmine::DefaultData::Loader.load(wanted["default_language"])
  warn "trackers, states, roles and the rest of the first data made"
rescue Redmine::DefaultData::DataAlreadyLoaded
  # On every run but the first.
end
wanted.each { |name, value| settle_setting(name, value) }

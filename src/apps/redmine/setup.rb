# Makes the database what the installed Redmine needs, from whatever state it is in. Runs on every node at boot and after
# each change; the nodes take turns by a lock in the database.

require "erb"
require "pg"
require "yaml"

CODE = "/usr/share/redmine"
PROGRAMS = "/usr/local/lib/farm-redmine"

# Seconds. A cluster that fails over answers within 30 s, one that starts from nothing takes longer: systemd has us try again.
DATABASE_LIMIT = 60

# Seconds. The other node may be setting up meanwhile; a migration of a large database takes minutes.
LOCK_LIMIT = 600

# One lock for all nodes, any number that Redmine's own migrations don't take.
LOCK = 6_461_726_709

class Refused < StandardError; end

def say(text) = warn(text)

# Connects as soon as the database answers through this host's proxy.
def connect(database)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + DATABASE_LIMIT
  begin
    PG.connect(host: database["host"], port: database["port"], dbname: database["database"],
               user: database["username"], password: database["password"], connect_timeout: 5)
  rescue PG::Error => e
    if Process.clock_gettime(Process::CLOCK_MONOTONIC) >= deadline
      raise Refused, "no database through #{database["host"]}:#{database["port"]} within #{DATABASE_LIMIT} s, last answer: #{e.message.strip}"
    end
    sleep 0.5
    retry
  end
end

# The lock ends with the connection.
def lock(db)
  db.exec("SET lock_timeout = '#{LOCK_LIMIT}s'")
  db.exec_params("SELECT pg_advisory_lock($1)", [LOCK])
rescue PG::LockNotAvailable
  raise Refused, "another node has been setting up Redmine for #{LOCK_LIMIT} s"
end

# A failover ends our connection and the lock with it: then the next step must not run.
def check_lock(db)
  db.exec("SELECT 1")
rescue PG::Error
  raise Refused, "the lock was lost"
end

# Versions of Redmine's migrations: those that have been run here, and those that the installed Redmine has.
def migrations(db)
  there = db.exec("SELECT to_regclass('schema_migrations') IS NOT NULL").getvalue(0, 0) == "t"
  [there ? db.exec("SELECT version FROM schema_migrations").column_values(0) : [],
   Dir["#{CODE}/db/migrate/*.rb"].map { |path| File.basename(path)[/\A\d+/].to_i.to_s }]
end

# Runs a command of Redmine's; its output goes to the journal.
def redmine(*command)
  say "running #{command.map { |word| File.basename(word) }.join(" ")}"
  environment = { "SCHEMA" => "/dev/null" }
  return if system(environment, "/usr/bin/bundle", "exec", *command, chdir: CODE, in: "/dev/null", out: :err)
  raise Refused, "#{command.last} failed: #{$?}"
end

def set_up(database)
  db = connect(database)
  lock(db)
  done, wanted = migrations(db)
  unless (done - wanted).empty?
    say "the database belongs to a later Redmine already: nothing to do until this node is upgraded"
    return
  end
  redmine("/usr/bin/rake", "db:migrate") unless (wanted - done).empty?
  check_lock(db)
  redmine("/usr/bin/ruby", "#{PROGRAMS}/settle.rb")
  check_lock(db)
  say "Redmine is set up"
end

begin
  set_up(YAML.safe_load(ERB.new(File.read("/etc/redmine/farm/database.yml")).result)["production"])
rescue Refused, PG::Error => e
  say "setup of Redmine failed: #{e.message.strip}"
  exit 1
end

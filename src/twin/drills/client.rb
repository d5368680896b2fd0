# A client of a drill at a PostgreSQL cluster: client.php says what it reads and writes, and does the same.
require "json"
require "pg"

$stdout.sync = true

def now
  (Time.now.to_r * 1000).to_f.round(3)
end

# Without a limit a client would wait for the kernel to give a dead connection up. The proxy holds a new session for some
# seconds while nobody takes the writes.
def connect(task)
  PG::Connection.new(
    host: "127.0.0.1", port: 5432, dbname: task["database"], user: task["user"], password: task["password"],
    connect_timeout: 10, tcp_user_timeout: 5000, options: "-c statement_timeout=5000"
  )
end

# A server that ends the session (57P01 and the like), or waits in vain for its standby to confirm, does not tell whether
# the statement has happened; a connection that breaks has no state at all.
def outcome_of(error)
  state = error.respond_to?(:result) && error.result ? error.result.error_field(PG::PG_DIAG_SQLSTATE) : nil
  [state.nil? || state.start_with?("57") ? "doubt" : "refused", "#{state} #{error.message.lines.first.to_s.strip}".strip]
end

# The query's rows, or Timeout after which it is in doubt: PostgreSQL has no limit of its own for waiting at commit.
def query(connection, text)
  connection.send_query(text)
  limit = now + 5000
  while connection.is_busy
    left = (limit - now) / 1000
    raise PG::ConnectionBad, "no answer within 5 s" if left <= 0
    raise PG::ConnectionBad, "no answer within 5 s" unless connection.socket_io.wait_readable(left)
    connection.consume_input
  end
  connection.get_last_result
end

# Returns [outcome, error, result, connection]; no connection where the former one is of no more use.
def attempt(connection, task, text)
  begin
    connection ||= connect(task)
  rescue PG::Error => error
    return ["unsent", "no connection: #{error.message.lines.first.to_s.strip}", nil, nil]
  end
  begin
    ["ok", "", query(connection, text), connection]
  rescue PG::Error => error
    begin
      connection.close
    rescue PG::Error
      # It was closed by the other end.
    end
    [*outcome_of(error), nil, nil]
  end
end

task = JSON.parse($stdin.gets)
id, table = task.values_at("id", "table")
writer = task["role"] == "writer"
connection = nil
n = 1
# The input is at its end as soon as it can be read.
until $stdin.wait_readable(0)
  began = now
  text = writer ? "INSERT INTO #{table} (writer, n, filling) VALUES (#{id}, #{n}, repeat('x', 2000))" : "SELECT writer, max(n) FROM #{table} GROUP BY writer"
  outcome, error, result, connection = attempt(connection, task, text)
  if writer
    puts JSON.generate(["w", id, n, began, now, outcome, error])
  else
    seen = result && result.values.to_h { |row| [row[0], row[1].to_i] }
    puts JSON.generate(["r", id, began, now, seen, error])
  end
  n += 1
  sleep(outcome == "ok" ? 0.01 : 0.05)
end

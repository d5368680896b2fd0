-- `tcp-request content lua.hold NAME SECONDS`: a new session waits while no server of the backend NAME is up, so long at
-- most, instead of being refused: the writes are just being handed over.
core.register_action("hold", { "tcp-req" }, function(txn, name, seconds)
  local deadline = core.now().sec + tonumber(seconds)
  while txn.f:nbsrv(name) == 0 and core.now().sec < deadline do
    core.msleep(50)
  end
end, 2)

-- The load of every measurement: sends the requests of a file in turn, from its first line again after
-- its last, and prints what was counted as one line of JSON.
--
-- Arguments: the file (a request a line: method, path, token or nothing, body or nothing, separated by
-- tabs), and optionally the one status that every answer must have. Looking at each status costs wrk about
-- as much as the request itself, which on a small machine is taken from the server: so the warm-up looks,
-- and the measurement relies on wrk's own count of statuses from 400 up.

local requests = {}
local position = 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function field(text)
  if text == '' then return nil end
  return text
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, token, body = line:match('^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$')
    local headers = {}
    if field(token) then headers['Authorization'] = 'Bearer ' .. token end
    if field(body) then headers['Content-Type'] = 'application/json' end
    table.insert(requests, wrk.format(method, path, headers, field(body)))
  end

  wrong_answers = 0
  wrong_status = 0
  local expected = tonumber(arguments[2])
  if expected then
    response = function(status)
      -- Every answer of the service but a creation is 200, and a creation in the mixture is 201.
      if status ~= expected and not (expected == 200 and status == 201) then
        wrong_answers = wrong_answers + 1
        wrong_status = status
      end
    end
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local wrong, status = 0, 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get('wrong_answers')
    status = math.max(status, thread:get('wrong_status'))
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"brokenConnections":%d,"timeouts":%d,'
      .. '"failureStatuses":%d,"wrongAnswers":%d,"wrongStatus":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write, errors.timeout, errors.status, wrong, status
  ))
end

-- SPDX-License-Identifier: ISC
-- wrk -s wrk.lua URL -- FILE: each line of FILE is a header to send, so that no token is an argument.
function init(args)
    for line in io.lines(args[1]) do
        local name, value = line:match("^([^:]+): (.*)$")
        wrk.headers[name] = value
    end
end

function done(summary)
    local e = summary.errors
    io.write(string.format("requests=%d lost=%d refused=%d per_second=%d\n", summary.requests,
        e.connect + e.read + e.write + e.timeout, e.status,
        summary.requests / summary.duration * 1e6))
end

-- SPDX-License-Identifier: ISC
-- HAProxy asks esp-token-authd. README.md shows the configuration:
--
--     global
--         lua-load /etc/haproxy/esp_token.lua
--     frontend …
--         http-request lua.esp-token http://127.0.0.1:9180/auth
--
-- MUST 1: no X-ESP-* header of the client passes, not even spelt with underscores: some back ends take those for
--         hyphens.
-- MUST 2: the token does not pass.
-- MUST 3: every answer but 200 ends the request, and so does a missing answer.
local TIMEOUT = 5000 -- milliseconds

-- the lines of a header, from 1; HAProxy counts from 0
local function lines(header)
    local found = {}
    for i = 0, #header do
        found[#found + 1] = header[i]
    end
    return found
end

local function question(txn, sent)
    local headers = { ["x-forwarded-uri"] = { txn.sf:pathq() } }
    for _, name in ipairs({ "authorization", "x-api-key" }) do
        if sent[name] then
            headers[name] = lines(sent[name])
        end
    end
    return headers
end

local function clean(txn, sent)
    for name in pairs(sent) do
        if name:lower():match("^x[-_]esp[-_]") then
            txn.http:req_del_header(name)
        end
    end
    txn.http:req_del_header("authorization")
    txn.http:req_del_header("x-api-key")
end

local function refuse(txn, answer)
    local status = answer and answer.status or 0
    if status ~= 401 and status ~= 403 then
        status = 503
    end
    local reply = txn:reply({ status = status })
    local challenge = answer and answer.headers and answer.headers["www-authenticate"]
    if challenge and status ~= 503 then
        reply:add_header("www-authenticate", challenge[0])
    end
    reply:add_header("cache-control", "no-store")
    txn:done(reply)
end

local function admit(txn, answer)
    for name, values in pairs(answer.headers) do
        if name:match("^x%-esp%-") then
            txn.http:req_set_header(name, values[0])
        end
    end
end

core.register_action("esp-token", { "http-req" }, function(txn, url)
    local sent = txn.http:req_get_headers()
    local headers = question(txn, sent)
    clean(txn, sent)
    local done, answer = pcall(function()
        return core.httpclient():get({ url = url, headers = headers, timeout = TIMEOUT })
    end)
    if done and answer and answer.status == 200 then
        admit(txn, answer)
    else
        refuse(txn, done and answer or nil)
    end
end, 1)

-- SPDX-License-Identifier: ISC
--- Asks esp_validator.so whether an API token is allowed, whose it is, and what it may see. For LuaJIT.
--
--     local esp_token = require "esp_token"
--     local validator = assert(esp_token.open())      -- the installed plugin and configuration
--
--     local result = validator:validate(token, {metric = "kpi.peak_audience"})
--     if result.allowed then
--         serve(result.entity, result.tier)
--     else
--         refuse(result.reason, result.token_id)
--     end
--
-- One validator serves one Lua state, before and after fork; states in other threads open their own.
-- The plugin cannot call back into compiled code, so there is no log here. `refresh` reports a tier
-- table that an edit broke. Arguments of a wrong type never raise an error; they are refused.
local ffi = require "ffi"

-- The declarations of include/espt/validator.h. A name with a trailing _ leaves the plain name to a
-- field that is a Lua value.
ffi.cdef [[
typedef struct espt_ctx espt_ctx;
typedef struct espt_query {
    uint32_t size, flags;
    const char *token;
    size_t token_len;
    const char *metric;
    size_t metric_len;
    const char *entity;
    size_t entity_len;
    int64_t now;
} espt_query;
typedef struct espt_result {
    uint32_t size;
    int32_t status;
    int64_t expires_;
    uint64_t revision_;
    int32_t tier_rank;
    uint32_t kind_;
    char token_id_[16], entity_[80], reseller_[80], tier_[64], detail_[160];
} espt_result;
typedef struct espt_validator {
    uint32_t abi, size;
    const char *version;
    int (*open)(espt_ctx **ret, const char *config, void *log, void *log_arg, char *err, size_t err_len);
    int (*validate)(espt_ctx *, const espt_query *, espt_result *);
    int (*allows)(espt_ctx *, const espt_result *, const char *metric, size_t metric_len);
    int (*refresh)(espt_ctx *, char *err, size_t err_len);
    void (*close)(espt_ctx *);
    const char *(*reason)(int32_t status);
    int (*open_uncounted)(espt_ctx **ret, const char *config, void *log, void *log_arg, char *err, size_t err_len);
} espt_validator;
const espt_validator *espt_validator_get(uint32_t host_abi);
]]

local esp_token = {
    ABI = 0x00010001,
    PLUGIN = "/usr/local/lib/esp-token/esp_validator.so",
}

local ALLOW = 1
local REASONS = {}
for reason, status in pairs {
    unset = 0, allow = ALLOW, malformed = 16, unknown = 17, inactive = 18, expired = 19, suspended = 20,
    tier = 21, entity = 22, metric = 23, unavailable = 64, corrupt = 65, usage = 66,
} do
    esp_token[reason:upper()] = status
    REASONS[status] = reason
end
local KINDS = {"reseller", "customer"}

-- The fields of a result that its struct does not have. Texts are created when they are read, so a
-- verdict alone creates none.
local fields = {
    allowed = function(result) return result.status == ALLOW end,
    reason = function(result) return REASONS[result.status] or "unset" end,
    token_id = function(result) return ffi.string(result.token_id_) end,
    entity = function(result) return ffi.string(result.entity_) end,
    reseller = function(result) return ffi.string(result.reseller_) end,
    tier = function(result) return ffi.string(result.tier_) end,
    detail = function(result) return ffi.string(result.detail_) end,
    kind = function(result) return KINDS[result.kind_] end,
    expires = function(result) return tonumber(result.expires_) end,
    revision = function(result) return tonumber(result.revision_) end,
}

local Result = ffi.metatype("espt_result", {
    __index = function(result, name)
        local field = fields[name]
        return field and field(result)
    end,
    __tostring = function(result)
        return ("%s, token %s, entity %s, tier %s (%s)"):format(result.reason, result.token_id,
            result.entity, result.tier, result.detail)
    end,
})

local RESULT_SIZE, QUERY_SIZE = ffi.sizeof(Result), ffi.sizeof "espt_query"
local ERR_SIZE = 512
local Validator = {}
Validator.__index = Validator

-- Whether an argument is given. Not `value ~= nil`: a NULL pointer of FFI equals nil.
local function given(value)
    return type(value) ~= "nil"
end

-- @return nil if the path can be passed to C, or a message that says why it cannot
local function path_fault(what, path)
    if type(path) ~= "string" then
        return what .. " must be a string, not a " .. type(path)
    end
    if path:find("\0", 1, true) then
        return what .. " must not contain a NUL"
    end
end

local function load(path)
    local fault = path_fault("the validator's path", path)
    if fault then
        return nil, fault
    end
    if path:sub(1, 1) ~= "/" then
        return nil, path .. ": the validator's path must begin with /"
    end
    local loaded, library = pcall(ffi.load, path)
    if not loaded then
        return nil, "cannot load the validator: " .. library
    end
    local found, get = pcall(function() return library.espt_validator_get end)
    if not found then
        return nil, "cannot load the validator: " .. get
    end
    local plugin = get(esp_token.ABI)
    if plugin == nil or plugin.size < ffi.sizeof "espt_validator" then
        return nil, ("%s: no validator of ABI %d.%d; install the esp_validator.so of this release"):format(
            path, esp_token.ABI / 0x10000, esp_token.ABI % 0x10000)
    end
    return plugin, library
end

--- Opens a validator. `options` may contain the paths `config` and `plugin`; by default they are those
-- of the installation.
-- @return a validator, or nil and the reason in one line
function esp_token.open(options)
    if given(options) and type(options) ~= "table" then
        return nil, "open takes a table: esp_token.open {config = PATH, plugin = PATH}"
    end
    local config, path = nil, esp_token.PLUGIN
    if given(options) then
        config = options.config
        if given(options.plugin) then
            path = options.plugin
        end
    end
    local plugin, library = load(path)
    if not plugin then
        return nil, library
    end
    local fault = given(config) and path_fault("the configuration's path", config)
    if fault then
        return nil, fault
    end
    local ctx, err = ffi.new("espt_ctx *[1]"), ffi.new("char[?]", ERR_SIZE)
    if plugin.open(ctx, config, nil, nil, err, ERR_SIZE) ~= 1 then
        return nil, ffi.string(err)
    end
    return setmetatable({
        version = ffi.string(plugin.version),
        library = library, -- keeps it loaded
        plugin = plugin,
        ctx = ffi.gc(ctx[0], plugin.close),
        query = ffi.new("espt_query", {size = QUERY_SIZE}),
    }, Validator)
end

local function opened(validator)
    return validator.ctx or error("the validator is closed", 3)
end

-- The text that C gets for a Lua value. A value that is not a string becomes "", which is never a valid
-- token, metric or entity.
local function text_of(value)
    return type(value) == "string" and value or ""
end

-- Whether the value is a number that an int64_t can hold: not NaN, and not infinite.
local function is_time(value)
    return type(value) == "number" and value >= -2 ^ 63 and value < 2 ^ 63
end

-- @return the result of a call with arguments that the ABI cannot express
local function usage(result, detail)
    ffi.fill(result, RESULT_SIZE)
    result.size, result.status = RESULT_SIZE, esp_token.USAGE
    ffi.copy(result.detail_, detail)
    return result
end

--- Validates a presented token. A token that is not a string is malformed: for example nil if the
-- header was not sent, or a table if it was sent twice. A metric or an entity that is not a string is refused.
-- @param asked nil, or {metric = what is asked for, entity = whose data, now = Unix seconds}
-- @param result an earlier result to fill again, so that nothing is allocated; by default a new one
-- @return a result: `allowed`, `status` (as esp_token.EXPIRED), `reason` (its word), `token_id`,
-- `entity`, `reseller`, `tier`, `tier_rank`, `kind`, `expires` (Unix seconds; 0: never), `revision`, `detail`
function Validator:validate(token, asked, result)
    local ctx, query = opened(self), self.query
    if not ffi.istype(Result, result) then
        result = Result()
    end
    result.size = RESULT_SIZE
    local metric, entity, now
    if given(asked) then
        if type(asked) ~= "table" then
            return usage(result, "what is asked for must be a table")
        end
        metric, entity, now = asked.metric, asked.entity, asked.now
    end
    if not given(now) then
        now = 0
    elseif not is_time(now) then
        return usage(result, "now must be Unix seconds, a number of 64 bits")
    end
    token = text_of(token)
    query.token, query.token_len = token, #token
    if given(metric) then
        metric = text_of(metric)
    end
    query.metric, query.metric_len = metric, metric and #metric or 0
    if given(entity) then
        entity = text_of(entity)
    end
    query.entity, query.entity_len = entity, entity and #entity or 0
    query.now = now
    self.plugin.validate(ctx, query, result)
    return result
end

--- Whether a token that was allowed may see this metric, by the tier table now in force.
function Validator:allows(result, metric)
    local ctx = opened(self)
    metric = text_of(metric)
    return ffi.istype(Result, result) and self.plugin.allows(ctx, result, metric, #metric) == 1
end

--- Checks now whether the tier table or the store has changed, and loads the change.
-- @return true, or nil and a message of one line
function Validator:refresh()
    local err = ffi.new("char[?]", ERR_SIZE)
    if self.plugin.refresh(opened(self), err, ERR_SIZE) == 1 then
        return true
    end
    return nil, ffi.string(err)
end

--- The plugin's word for a status.
function Validator:reason(status)
    if type(status) ~= "number" or not (status >= -2 ^ 31 and status < 2 ^ 31) then
        status = esp_token.UNSET
    end
    return ffi.string(self.plugin.reason(status))
end

--- Closes the validator; the garbage collector does it too.
function Validator:close()
    if self.ctx then
        self.plugin.close(ffi.gc(self.ctx, nil))
        self.ctx = nil
    end
end

return esp_token

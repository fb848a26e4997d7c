-- For lighttpd from 1.4.68 on, which no longer has mod_secdownload: the same check by mod_magnet (package
-- lighttpd-modules-lua), for places whose signature is `secdownload`.
--
--     server.modules += ("mod_magnet")
--     $HTTP["url"] =~ "^/dl/" {
--         magnet.attract-physical-path-to = ("/usr/local/share/doc/rbe/secdownload.lua")
--     }
--
-- A URL is <uri_prefix><mac>/<time><path>, the mac being HMAC-SHA256 over "/<time><path>" in base64url. Good ones lead
-- below the document root; others are answered with 403, those that are too old with 410.

local secret = "0123456789abcdef"
local uri_prefix = "/dl/"
local document_root = "/srv/rbe"
local timeout = 600

local path = lighty.r.req_attr["uri.path"]
if path:sub(1, #uri_prefix) ~= uri_prefix then
    return 403
end
local mac, protected, time, file = path:sub(#uri_prefix + 1):match("^([%w_-]+)(/(%x%x%x%x%x%x%x%x)(/p/%x+/[%w._-]+))$")
if not mac or #mac ~= 43 then
    return 403
end
local good = lighty.c.b64urlenc(lighty.c.hexdec(lighty.c.hmac("sha256", secret, protected)))
if not lighty.c.secret_eq(mac, good) then
    return 403
end
if math.abs(os.time() - tonumber(time, 16)) > timeout then
    return 410
end
lighty.r.req_attr["physical.path"] = document_root .. file
return 0

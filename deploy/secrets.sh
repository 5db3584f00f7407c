#!/bin/sh
# Who knows which secret? Run once by each `docker compose up`: writes passwords that are missing, hands the operator's keys to the bot.
#
#   /passwords/admin/postgres      the database's administrator: db and migrate see it, the bot never does
#   /passwords/bot/audit.password  the bot's own database user
#   /passwords/bot/api.token       who holds it may command the bot
#   /passwords/bot/venue.api_key   and whatever else lies in ./secrets, as it is there now
#   /passwords/grafana/admin       Grafana's first user
#
# A password that is there is never changed. Each volume is mounted only where its secrets belong.
set -eu
umask 022

# keep FILE UID MODE: what comes in, whole or not at all
keep() {
    cat >"$1.new"
    chmod "$3" "$1.new" # before it is given away: afterwards it is not ours to change
    chown "$2" "$1.new"
    mv -f "$1.new" "$1"
}

# missing FILE UID MODE: a random password, unless there is one
missing() {
    [ -s "$1" ] && return
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' | keep "$@"
    echo "secrets: wrote a new password to $1"
}

missing /passwords/admin/postgres 0 0444 # the server reads it as a user whose number differs from image to image
missing /passwords/bot/audit.password 10001 0400
missing /passwords/bot/api.token 10001 0400
missing /passwords/grafana/admin 472 0400

for old in /passwords/bot/*; do
    case ${old##*/} in
        audit.password | api.token) ;;
        *) [ -e "/given/${old##*/}" ] || rm -f "$old" ;;
    esac
done
for key in /given/*; do
    case ${key##*/} in
        venue.api_key | venue.api_secret | venue.passphrase | \
            accounts.?*.api_key | accounts.?*.api_secret | accounts.?*.passphrase | \
            bag.?*.sources.?*.api_key | bag.?*.sources.?*.api_secret | bag.?*.sources.?*.passphrase | \
            notify.critical_urls | notify.warning_urls | notify.info_urls) keep "/passwords/bot/${key##*/}" 10001 0400 <"$key" ;;
        README.md | '*') ;;
        *) echo "secrets: ./secrets/${key##*/} is not a key that the bot knows (venue.api_key, venue.api_secret, venue.passphrase; the others: secrets/README.md): left alone" >&2 ;;
    esac
done

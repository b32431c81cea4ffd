#!/bin/sh
# Makes what deploy/compose.yaml keeps secret, once: deploy/secrets.sh NAME, where NAME is how people reach the server.
# What is there already stays as it is.
set -eu
name=${1:?"usage: deploy/secrets.sh NAME, such as crew.example.org"}
folder=$(dirname "$0")/secrets
mkdir -p "$folder"
# The folder is closed to everybody else. The files in it are not: each is shown to one container, whose user is another.
chmod 700 "$folder"
cd "$folder"

# make FILE COMMAND…: what the command prints, under its name only when it is whole.
make() {
  file=$1
  shift
  if [ -e "$file" ]; then
    echo "kept: $folder/$file"
    return
  fi
  "$@" > "$file.new"
  chmod 644 "$file.new"
  mv "$file.new" "$file"
  echo "made: $folder/$file"
}

login() {
  printf 'authorization { user: crewline, password: "%s" }\n' "$(cat bus_password)"
}

# A certificate that nobody trusts yet: put the one of your authority in its place, with its key behind it.
certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out key.new
  openssl req -x509 -new -key key.new -sha256 -days 90 -subj "/CN=$name" -addext "subjectAltName=DNS:$name"
  cat key.new
  rm key.new
}

make database_password openssl rand -hex 24
make bus_password openssl rand -hex 24
make bus_login.conf login
make certificate.pem certificate

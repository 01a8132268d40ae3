# The program in an image, from this tree: its package is built in one stage and installed in another, by an ordinary user's account.
#     docker build -t reprise .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/project" reprise init
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/project" reprise run
# Debian 12, 13 and later will do: docker build --build-arg SUITE=bookworm ... `ci/image` executes these very steps without Docker.
# For a GPU there is Dockerfile.cuda.
ARG SUITE=stable
FROM debian:${SUITE}-slim AS build
WORKDIR /source
COPY ci/install ci/libraries ci/
RUN ci/install deb
COPY . .
RUN make deb

FROM debian:${SUITE}-slim
COPY --from=build /reprise_*.deb /tmp/
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /tmp/reprise_*.deb \
 && rm -rf /tmp/reprise_*.deb /var/lib/apt/lists/* \
 && useradd --create-home reprise \
 && install -d -o reprise -g reprise /project
USER reprise
WORKDIR /project
ENTRYPOINT ["reprise"]
CMD ["run"]

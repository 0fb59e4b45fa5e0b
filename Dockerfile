# The three commands with the models of the package, for CPU or CUDA:
#   docker build -t spine-levels .
#   docker build -t spine-levels:cuda --build-arg EXTRAS=gpu,viewer .
#   docker run --rm --network none --user "$(id -u):$(id -g)" -v "$PWD:/data" spine-levels spine-measure scan.nii.gz --output results
FROM python:3.12-slim
ARG EXTRAS=viewer
COPY . /source
RUN pip install --no-cache-dir "/source[$EXTRAS]" && rm -rf /source
WORKDIR /data
CMD ["spine-measure", "--help"]

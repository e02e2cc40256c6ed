FROM posada-debian:bare
COPY authorities /usr/local/share/ca-certificates
RUN update-ca-certificates
ENV LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
CMD ["/bin/bash"]
